// slow: starts a browser and servers, and carries out a job of thousands of lines
import { readFile } from 'node:fs/promises'
import { sql, type Kysely } from 'kysely'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import type { DB } from '../../core/database/schema.ts'
import { inTransaction } from '../../core/database/transaction.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { addCourse, addManyLearners } from '../support/seed.ts'
import { SECRETS, startServer } from '../support/server-process.ts'
import { CHROMIUM, isInstalled, openBrowser, openTab, tabToField, tabToText } from './page.ts'

const TOKEN = SECRETS.INTERNAL_TOKENS.split(':')[1] ?? ''
const LINES = 3_000

let database: TestDatabase
let browser: Browser
beforeAll(async () => {
  if (!isInstalled) return
  database = await createTestDatabase()
  browser = await openBrowser()
})
afterAll(async () => {
  await browser?.close()
  await database?.[Symbol.asyncDispose]()
})
beforeEach((context) => context.skip(!isInstalled, `Needs ${CHROMIUM}: apt-get install -y chromium`))

test('with the keyboard alone a list is planned, started, followed over a restart of the server, read, corrected and undone', async () => {
  const { db } = database
  const courseId = await addCourse(db)
  const names = await addManyLearners(db, LINES)
  const lines = [...names, 'late-one', 'late-two'].map((name) => `${name},${courseId}`)
  const port = String(await freePort())
  const env = { ...SECRETS, DATABASE_URL: database.connectionString, INTERNAL_PORT: port, LOG_LEVEL: 'silent' }
  const first = startServer(env)
  const { internalUrl = '' } = await first.ready
  const { context, page, faults, outside } = await openTab(browser, internalUrl, TOKEN)
  const { press, type } = keyboardOf(page)

  // The plan says what would happen, and nothing does.
  await tabToText(page, 'Jobs')
  await press('Enter')
  await page.getByRole('heading', { level: 1, name: 'Jobs' }).waitFor()
  await tabToText(page, 'New job')
  await press('Enter')
  await page.getByRole('heading', { level: 1, name: 'New job' }).waitFor()
  await tabToField(page, 'Or paste')
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const text = `username,course_id\n${lines.join('\n')}\n`
  await page.evaluate(`navigator.clipboard.writeText(${JSON.stringify(text)})`)
  await press('Control+v')
  await page.getByText('Taken: pasted lines').waitFor()
  await tabToField(page, 'Name of the job')
  await type('Spring')
  await tabToField(page, 'Reason')
  await type('Spring intake')
  await press('Enter')
  await page.getByRole('heading', { name: 'Plan: Spring' }).waitFor()
  await hasEnded(page)
  expect(await countsIn(page)).toEqual(['3,000 enrolled', '2 no such learner'])
  expect(await activeIn(db)).toBe(0)
  const plan = page.url()

  // Started, it is followed to its end, although the server goes away in between: somebody holds what the job comes to.
  const held = await hold(db, courseId, names[2_500] ?? '')
  await tabToText(page, 'Start it')
  await press('Enter')
  await page.getByRole('heading', { level: 1, name: /^Spring$/ }).waitFor()
  const job = page.url()
  // All but the held line, or all but its chunk.
  await page
    .getByRole('region', { name: 'Progress' })
    .getByText(/(2,000|2,002|3,002) of 3,002 lines/)
    .waitFor()
  first.child.kill('SIGTERM')
  await first.exit
  // As long as it is held the job cannot end.
  await page.getByText('connection lost').waitFor()
  held.letGo()
  const second = startServer(env)
  await second.ready
  await hasEnded(page)
  expect(await activeIn(db)).toBe(LINES)
  expect(await countsIn(page)).toEqual(['3,000 enrolled', '2 no such learner'])

  // What failed is shown, saved, corrected and sent again.
  await tabToText(page, '2 no such learner')
  await press('Enter')
  const table = page.getByRole('table', { name: 'Lines' })
  await table.getByText('late-one', { exact: true }).waitFor()
  await eventually(async () => expect(await table.getAttribute('aria-rowcount')).toBe('3'))
  await tabToText(page, 'Download as CSV')
  const [download] = await Promise.all([page.waitForEvent('download'), press('Enter')])
  const saved = (await readFile(await download.path(), 'utf8')).trim().split('\r\n')
  expect(saved).toEqual([
    'username,course_id,outcome,code,message',
    `late-one,${courseId},,learnerNotFound,No account has the username 'late-one'.`,
    `late-two,${courseId},,learnerNotFound,No account has the username 'late-two'.`,
  ])
  await db
    .insertInto('learners')
    .values([{ username: 'late-one' }, { username: 'late-two' }])
    .execute()
  await tabToText(page, 'Retry failed')
  await press('Enter')
  await page.getByText('Retry of').waitFor()
  await hasEnded(page)
  expect(await countsIn(page)).toEqual(['2 enrolled'])
  expect(await activeIn(db)).toBe(LINES + 2)

  // An undo is planned as well, and takes back what the job did.
  await tabToText(page, job.split('/').at(-1)?.slice(0, 8) ?? '')
  await press('Enter')
  await page.waitForURL(job)
  await tabToText(page, 'Plan an undo')
  await press('Enter')
  await page.getByRole('heading', { name: /^Plan: / }).waitFor()
  await hasEnded(page)
  expect(await countsIn(page)).toEqual(['3,000 unenrolled'])
  expect(await activeIn(db)).toBe(LINES + 2)
  await tabToText(page, 'Undo it')
  await press('Enter')
  await page.getByRole('heading', { level: 1, name: /^Undo of/ }).waitFor()
  await hasEnded(page)
  expect(await activeIn(db)).toBe(2)

  // Whoever starts a plan once more comes to the job that it has become.
  await page.goto(plan)
  await page.getByRole('button', { name: 'Start it' }).click()
  await page.waitForURL(job)

  // The session ends with its token.
  second.child.kill('SIGTERM')
  await second.exit
  await startServer({ ...env, INTERNAL_TOKENS: 'ops:another-token-of-the-tests' }).ready
  await page.goto(`${new URL(job).origin}/console/jobs`)
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  expect(faults).toEqual([])
  expect(outside).toEqual([])
  await context.close()
}, 300_000)

function keyboardOf({ keyboard }: Page) {
  return {
    press: (key: string) => keyboard.press(key),
    type: (text: string) => keyboard.type(text),
  }
}

/** Enrolls somebody in a transaction that stays open: whoever comes to the same enrollment waits. */
async function hold(db: Kysely<DB>, courseId: string, username: string): Promise<{ letGo: () => void }> {
  const { promise: isLetGo, resolve: letGo } = Promise.withResolvers<void>()
  const { promise: isHeld, resolve: held } = Promise.withResolvers<void>()
  const ended = inTransaction(db, async (trx) => {
    await sql`insert into enrollments (learner_id, course_id, mode, is_active, created, updated)
      select l.id, c.id, 'audit', true, now(), now() from learners l, courses c
      where l.username = ${username} and c.course_key = ${courseId}`.execute(trx)
    held()
    await isLetGo
    throw new Error('Let go')
  })
  ended.catch(() => {})
  // A transaction that stayed open would hold up the feed of all other tests.
  onTestFinished(() => letGo())
  await Promise.race([isHeld, ended])
  return { letGo }
}

async function activeIn(db: Kysely<DB>): Promise<number> {
  const { count } = await db
    .selectFrom('enrollments')
    .select(({ fn }) => fn.countAll<string>().as('count'))
    .where('is_active', '=', true)
    .executeTakeFirstOrThrow()
  return Number(count)
}

async function hasEnded(page: Page): Promise<void> {
  await page
    .getByRole('region', { name: 'Progress' })
    .getByText(/^(done|failed|cancelled)$/)
    .waitFor({ timeout: 60_000 })
}

async function countsIn(page: Page): Promise<string[]> {
  return page.getByRole('list', { name: 'Lines by outcome' }).getByRole('listitem').allInnerTexts()
}
