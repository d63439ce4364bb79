import { existsSync } from 'node:fs'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openPlatform, type Platform } from '../../support/platform.ts'
import { openDoor, signToken, type Door } from '../../support/rest.ts'
import { addCourse, addLearner, type SeededLearner } from '../../support/seed.ts'
import { openTestServer } from '../../support/server.ts'
import { enrollmentInWords } from '../../support/world.ts'

// What the scripts of Open edX pages do, cookie by cookie and header by header, with `@edx/frontend-platform` as the
// model: the token is refreshed, a CSRF token fetched from the host of the API, and both go with a change.

const CHROMIUM = '/usr/bin/chromium'
const isInstalled = existsSync(CHROMIUM)
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking']
const API = '/api/enrollment/v1'
const JWT = { 'use-jwt-cookie': 'true' }

let platform: Platform
let door: Door
let browser: Browser
let bob: SeededLearner
let course: string

beforeAll(async () => {
  if (!isInstalled) return
  platform = await openPlatform()
  door = await openDoor({ env: { CORS_ORIGINS: platform.pages, TRUST_PROXY: '127.0.0.1' } })
  bob = await addLearner(door.db)
  const { url } = await openTestServer(door.app)
  platform.begin(url, await signToken({ preferred_username: bob.username }))
  const args = [...FLAGS, '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP * 127.0.0.1']
  browser = await chromium.launch({ executablePath: CHROMIUM, args })
})
afterAll(async () => {
  await browser?.close()
  await door?.[Symbol.asyncDispose]()
  await platform?.[Symbol.asyncDispose]()
})
beforeEach(async (context) => {
  context.skip(!isInstalled, `Needs ${CHROMIUM}: apt-get install -y chromium`)
  course = await addCourse(door.db)
})

test('a page of another origin reads and enrolls', async () => {
  const tab = await signedIn(platform.pages)
  expect(await ask(tab, `${API}/enrollment`, { headers: JWT })).toEqual({ status: 200, body: [] })
  const { body } = await ask(tab, '/csrf/api/v1/token', { headers: JWT })
  const enrolled = await enroll(tab, { 'x-csrftoken': body.csrfToken })
  expect(enrolled).toMatchObject({ status: 200, body: { user: bob.username, mode: 'audit', is_active: true } })
  const read = await ask(tab, `${API}/enrollment/${bob.username},${course}`, { headers: JWT })
  expect(read).toEqual(enrolled)
  expect(await ask(tab, `${API}/course/${course}`, { headers: JWT })).toMatchObject({ status: 200 })
  expect(await ask(tab, `${API}/roles/`, { headers: JWT })).toMatchObject({ status: 200 })
  // The browser has asked first whether the page may.
  expect(platform.asked).toContain(`OPTIONS ${API}/enrollment`)
  expect(await enrollmentInWords(door.db, bob.id, course)).toBe('active audit')
})

test('the cookie that a reading answer sets is enough for a change from the host itself', async () => {
  const tab = await signedIn(platform.lms)
  await ask(tab, `${API}/enrollment`, { headers: JWT })
  // oxlint-disable-next-line typescript/no-implied-eval -- runs in the page, whose types are not known here
  const cookies = String(await tab.evaluate('document.cookie'))
  expect(cookies).not.toContain('signature')
  const [, token = ''] = /csrftoken=(\w+)/.exec(cookies) ?? []
  expect(await enroll(tab, { 'x-csrftoken': token })).toMatchObject({ status: 200 })
})

test('without the token of the cookie nothing is changed', async () => {
  const tab = await signedIn(platform.pages)
  await ask(tab, '/csrf/api/v1/token', { headers: JWT })
  for (const headers of [{}, { 'x-csrftoken': 'b'.repeat(32) }]) {
    const { status, body } = await enroll(tab, headers)
    expect(status).toBe(403)
    expect(body.detail).toMatch(/^CSRF Failed: /)
  }
  expect(await enrollmentInWords(door.db, bob.id, course)).toBeNull()
})

test('a page of somebody else neither reads nor enrolls', async () => {
  const tab = await signedIn(platform.pages)
  await ask(tab, '/csrf/api/v1/token', { headers: JWT })
  await tab.goto(platform.stranger)
  const token = { 'x-csrftoken': 'a'.repeat(32) }
  expect(await ask(tab, `${API}/enrollment`, { headers: JWT })).toEqual({ failed: 'TypeError: Failed to fetch' })
  expect(await enroll(tab, token)).toEqual({ failed: 'TypeError: Failed to fetch' })
  // What a form could send: nobody is asked whether the page may, and nobody sees the answer.
  await ask(tab, `${API}/enrollment`, { method: 'POST', body: wish(), mode: 'no-cors' })
  expect(platform.asked.at(-1)).toBe(`POST ${API}/enrollment`)
  expect(await enrollmentInWords(door.db, bob.id, course)).toBeNull()
})

interface Asked {
  method?: string
  headers?: Record<string, string>
  body?: string
  mode?: 'no-cors'
}

/** What the script of a page gets to see: an answer, or that it may not. */
// oxlint-disable-next-line typescript/no-explicit-any -- tests look into it as they please
type Seen = { status?: number; body?: any; failed?: string }

async function signedIn(origin: string): Promise<Page> {
  const tab = await (await browser.newContext()).newPage()
  await tab.goto(origin)
  await ask(tab, '/login_refresh', { method: 'POST' })
  return tab
}

function enroll(tab: Page, headers: Record<string, string>): Promise<Seen> {
  const all = { ...JWT, 'content-type': 'application/json', ...headers }
  return ask(tab, `${API}/enrollment`, { method: 'POST', headers: all, body: wish() })
}

function wish(): string {
  return JSON.stringify({ course_details: { course_id: course } })
}

/** Lets the script of a page ask the host of the API. */
function ask(tab: Page, path: string, asked: Asked): Promise<Seen> {
  return tab.evaluate(
    async ({ url, init }): Promise<Seen> => {
      try {
        const response = await fetch(url, { ...init, credentials: 'include' })
        const text = await response.text()
        return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
      } catch (error) {
        return { failed: String(error) }
      }
    },
    { url: platform.lms + path, init: asked },
  )
}
