import { isObject, jsonOf } from '../exchange/json-differences.ts'
import type { Answer, Request } from '../exchange/server.ts'
import { enroll, get } from './build.ts'
import type { Standing } from './case.ts'

/** Sends with the rights of the API key or, without one, of global staff. */
export type SendPrivileged = (request: Request) => Promise<Answer>

/** How an enrollment stands: `active audit`, `none`; what cannot be read is the answer in words. */
export async function readStanding(send: SendPrivileged, [username, courseId]: Standing): Promise<string> {
  const answer = await send(get(`/enrollment/${encodeURIComponent(username)},${encodeURIComponent(courseId)}`))
  if (answer.status !== 200) return `unknown (${answer.status})`
  if (answer.text === '') return 'none'
  const json = jsonOf(answer.text)
  return isObject(json) ? `${json['is_active'] === true ? 'active' : 'inactive'} ${String(json['mode'])}` : 'unknown'
}

/**
 * Makes an enrollment stand as a case needs it, by the requests of rest-v1 §3.2 that no window and no capacity stops where there is
 * a row already.
 *
 * @returns what is wrong where it does not stand so in the end.
 */
export async function makeStanding(send: SendPrivileged, standing: Standing): Promise<string | null> {
  const [user, courseId, words] = standing
  const [activity = '', mode = ''] = words.split(' ')
  let now = await readStanding(send, standing)
  if (now === words) return null
  if (words === 'none') return `${user} has to be without an enrollment in ${courseId}, and has one`
  const change = async (more: object) => {
    const answer = await send(enroll(courseId, { user, ...more }))
    now = await readStanding(send, standing)
    return answer
  }
  let answer: Answer | undefined
  if (now === 'none') answer = await change({})
  if (now === 'none') answer = await change({ mode })
  if (activity === 'inactive' && now.startsWith('active')) answer = await change({ is_active: false })
  if (now !== words) answer = await change(activity === 'active' ? { mode, is_active: true } : { mode })
  if (now === words) return null
  return `${user} has to be '${words}' in ${courseId} and is '${now}': ${answer?.status} ${answer?.text.slice(0, 200)}`
}
