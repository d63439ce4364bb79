import { isObject, jsonOf } from '../exchange/json-differences.ts'
import type { Server } from '../exchange/server.ts'

/** What a server is: `here` for this service, which has to keep to all of rest-v1, `lms` for any other. */
export type Target = 'here' | 'lms'

const TITLE = 'Enrollment API'

/** Tells by its document of the API whether a server is this service. */
export async function targetOf(server: Server): Promise<Target> {
  const { status, text } = await server.send({ method: 'GET', path: '/openapi.json' })
  const json = status === 200 ? jsonOf(text) : undefined
  const info = isObject(json) ? json['info'] : undefined
  return isObject(info) && info['title'] === TITLE ? 'here' : 'lms'
}
