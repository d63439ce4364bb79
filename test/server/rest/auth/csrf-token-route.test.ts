import { afterAll, beforeAll, expect, test } from 'vitest'
import { csrfSecretOf } from '../../../../server/rest/auth/csrf-token.ts'
import { jwtCookies } from '../../../support/browser.ts'
import { openDoor, type Door } from '../../../support/rest.ts'
import { addCourse, addLearner } from '../../../support/seed.ts'

const TRUSTED = 'https://learning.example.org'
const URL_OF_TOKEN = '/csrf/api/v1/token'

let door: Door
beforeAll(async () => {
  door = await openDoor({ env: { CORS_ORIGINS: TRUSTED } })
})
afterAll(() => door[Symbol.asyncDispose]())

test('the token and the cookie that it goes with let a change through', async () => {
  const learner = await addLearner(door.db)
  const course_id = await addCourse(door.db)
  const asked = await door.app.inject(URL_OF_TOKEN)
  const { csrfToken } = asked.json<{ csrfToken: string }>()
  const secret = asked.cookies.find(({ name }) => name === 'csrftoken')?.value ?? ''
  expect(csrfSecretOf(csrfToken)).toBe(secret)
  const cookie = `${await jwtCookies(learner)}; csrftoken=${secret}`
  const change = (token: string) =>
    door.anonymous.post({ course_details: { course_id } }, { cookie, 'use-jwt-cookie': 'true', 'x-csrftoken': token })
  expect(await change(csrfToken)).toMatchObject({ status: 200, json: { user: learner.username } })
  expect((await change(csrfToken.replace(/^./, (letter) => (letter === 'a' ? 'b' : 'a')))).status).toBe(403)
})

test('a browser that has a secret keeps it, and gets it in another form each time', async () => {
  const tokens = await Promise.all(
    [1, 2].map(async () => {
      const answer = await door.app.inject({ url: URL_OF_TOKEN, headers: { cookie: `csrftoken=${'s'.repeat(32)}` } })
      return answer.json<{ csrfToken: string }>().csrfToken
    }),
  )
  expect(tokens.map(csrfSecretOf)).toEqual(['s'.repeat(32), 's'.repeat(32)])
  expect(tokens[0]).not.toBe(tokens[1])
})

test('pages of listed origins may read it with their cookies, others may not', async () => {
  const from = (origin: string) => door.app.inject({ url: URL_OF_TOKEN, headers: { origin } })
  expect((await from(TRUSTED)).headers).toMatchObject({
    'access-control-allow-origin': TRUSTED,
    'access-control-allow-credentials': 'true',
  })
  expect((await from('https://stranger.example')).headers['access-control-allow-origin']).toBeUndefined()
})
