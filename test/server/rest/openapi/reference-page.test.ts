import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import { afterAll, describe, expect, test } from 'vitest'
import { PrivateRequest } from '../../../../server/listeners.ts'
import { createTestDatabase } from '../../../support/database.ts'
import { documentOfServer } from '../../../support/documented.ts'
import { buildTestApp, openTestServer } from '../../../support/server.ts'

const database = await createTestDatabase()
const app = buildTestApp({ db: database.db })
const server = await openTestServer(app)

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

describe('the document', () => {
  test.each(['/openapi.json', '/docs/json'])('is at %s', async (url) => {
    const answer = await app.inject(url)
    expect(answer.headers['content-type']).toMatch(/^application\/json/)
    expect(answer.json()).toEqual(documentOfServer())
  })

  test.each(['/openapi.json', '/docs', '/docs/', '/docs/static/swagger-ui-bundle.js'])(
    '%s is there for the public only, under a strict policy of content',
    async (url) => {
      const answer = await app.inject(url)
      expect(answer.statusCode).toBe(200)
      const policy = String(answer.headers['content-security-policy'])
      expect(policy).toContain("default-src 'none'")
      expect(policy).not.toMatch(/unsafe|https?:|\*/)
      expect((await app.inject({ url, Request: PrivateRequest })).statusCode).toBe(404)
    },
  )

  test('the policy does not go with the answers of the API', async () => {
    const answer = await app.inject('/api/enrollment/v1/roles/')
    expect(answer.headers['content-security-policy']).toBeUndefined()
  })
})

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

test('a browser shows every operation, asks nobody else, and keeps to the policy', async ({ skip }) => {
  const executablePath = BROWSERS.find((path) => existsSync(path)) ?? ''
  skip(executablePath === '', `no Chromium at ${BROWSERS.join(', ')}`)
  await using browser = await chromium.launch({ executablePath, args: QUIET })
  const page = await browser.newPage()
  const outside: string[] = []
  const complaints: string[] = []
  await page.route('**/*', async (route) => {
    const url = route.request().url()
    if (url.startsWith(`${server.url}/`) || url.startsWith('data:')) return route.continue()
    outside.push(url)
    return route.abort()
  })
  page.on('console', (line) => void (line.type() === 'error' && complaints.push(line.text())))
  page.on('pageerror', (error) => void complaints.push(error.message))

  await page.goto(`${server.url}/docs`)
  await page.locator('.opblock').first().waitFor()
  const operations = Object.values(documentOfServer().paths).flatMap((item) =>
    Object.values(item).filter((operation) => 'operationId' in operation),
  )
  expect(await page.locator('.opblock').count()).toBe(operations.length)
  expect(await page.title()).toBe('Enrollment API')

  const enroll = page.locator('#operations-Enrollment-enroll')
  await enroll.locator('.opblock-summary-control').click()
  await enroll.locator('.responses-table').first().waitFor()
  expect(await enroll.locator('tr.response').count()).toBeGreaterThan(5)
  expect({ outside, complaints }).toEqual({ outside: [], complaints: [] })

  // The policy is in force, and what breaks it is heard.
  await page.evaluate("document.body.append(Object.assign(new Image(), { src: 'http://outside.example/' }))")
  await expect.poll(() => complaints.join()).toMatch(/outside\.example.*Content Security Policy/)
})

// For a machine without a screen, as any user, and without questions to the maker of the browser.
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-sync',
  '--disable-background-networking',
  '--disable-component-update',
]
