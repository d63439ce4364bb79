// slow: starts a browser
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { untilShown } from '../support/feed.ts'
import { CHROMIUM, isInstalled } from './page.ts'
import { openWorld, type World } from './world.ts'

const COURSE = 'course-v1:edX+DemoX+2026'
const SCRIPT = `<img src=x onerror="document.title='run'"><script>document.title='run'</script>`

let world: World
beforeAll(async () => {
  if (isInstalled) world = await openWorld()
})
afterAll(() => world?.[Symbol.asyncDispose]())
beforeEach((context) => context.skip(!isInstalled, `Needs ${CHROMIUM}: apt-get install -y chromium`))

test('names, course runs, reasons and files that are markup are shown as they are, and nothing of them runs', async () => {
  const { db, caller } = world
  await db
    .insertInto('learners')
    .values({ username: 'mallory', name: SCRIPT, email: `"${SCRIPT}"@example.com` })
    .execute()
  await db.updateTable('courses').set({ display_name: SCRIPT }).where('course_key', '=', COURSE).execute()
  await caller.enrollment.enroll({ username: 'mallory', courseId: COURSE, reason: SCRIPT })
  const quoted = `"${SCRIPT.replaceAll('"', '""')}"`
  const csv = `username,course_id,${quoted}\nmallory,${COURSE},x\n${quoted},${COURSE},x\nalice,${quoted},x\n`
  const job = await world.runJob(csv, { name: SCRIPT, reason: SCRIPT })
  // The pages read the feed once.
  await untilShown(db)
  const tab = await world.open()
  const views: [path: string, times: number][] = [
    ['jobs', 1],
    [`jobs/${job}`, 4],
    [`jobs/${encodeURIComponent(SCRIPT)}?code=${encodeURIComponent(SCRIPT)}`, 1],
    ['learners?text=mallory', 2],
    ['learners/mallory', 3],
    [`learners/${encodeURIComponent(SCRIPT)}`, 2],
    ['courses', 1],
    [`courses/${encodeURIComponent(COURSE)}?text=mallory`, 4],
    [`courses/${encodeURIComponent(SCRIPT)}?mode=${encodeURIComponent(SCRIPT)}`, 2],
    [encodeURIComponent(SCRIPT), 0],
  ]
  for (const [path, times] of views) {
    await world.go(tab, path)
    const [shown, elements] = (await tab.page.evaluate(`[
      document.body.innerText.split('<img src=x').length - 1, document.querySelectorAll('#app img, #app script').length]`)) as [
      number,
      number,
    ]
    expect([path, shown >= times, elements]).toEqual([path, true, 0])
    expect(await tab.page.title()).not.toBe('run')
  }
  expect(tab.faults).toEqual([])
  expect(tab.outside).toEqual([])
})

test('17 MB of pasted lines are planned; a file without its columns is refused with what it has', async () => {
  const tab = await world.open()
  const { page } = tab
  await world.go(tab, 'jobs/new')
  await page.evaluate(`(() => {
    const data = new DataTransfer()
    const line = 'alice,${COURSE},' + 'x'.repeat(4_000) + '\\n'
    data.setData('text/plain', 'username,course_id,note\\n' + line.repeat(4_250))
    document.querySelector('textarea').dispatchEvent(
      new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
  })()`)
  await page.getByText(/Taken: pasted lines, 17\.\d MB\./).waitFor()
  await page.getByRole('button', { name: 'Make the plan' }).click()
  await page.getByText('Nothing has been changed yet').waitFor({ timeout: 250_000 })
  const counts = page.getByRole('list', { name: 'Lines by outcome' }).getByRole('listitem')
  expect(await counts.allInnerTexts()).toEqual([expect.any(String), '4,249 listed twice'])

  await world.go(tab, 'jobs/new')
  await page
    .getByLabel('File (CSV)')
    .setInputFiles({ name: 'other.csv', mimeType: 'text/csv', buffer: Buffer.from('surname,town\nArden,Oslo\n') })
  await page.getByRole('button', { name: 'Make the plan' }).click()
  await page.getByRole('alert').getByText('No column names the learner').waitFor()
  expect(await page.getByRole('alert').innerText()).toContain('surname')
  expect(await page.getByRole('button', { name: 'Start it' }).count()).toBe(0)

  await world.go(tab, 'jobs/new')
  await page.getByRole('button', { name: 'Make the plan' }).click()
  await page.getByRole('alert').getByText('Choose a file, or paste its lines.').waitFor()
}, 600_000)

test('an address cannot say what a plan starts', async () => {
  const plan = await world.runJob(`username,course_id\nalice,${COURSE}\n`, { dryRun: true, name: 'harmless' })
  const other = { start: { source: { csv: `username,course_id\nmallory,${COURSE}\n` }, action: 'unenroll' } }
  const tab = await world.open()
  await world.go(tab, `jobs/${plan}?plan=${encodeURIComponent(JSON.stringify(other))}`)
  await tab.page.getByRole('button', { name: 'Start it' }).click()
  await tab.page.getByRole('heading', { level: 1, name: /^harmless$/ }).waitFor()
  const started = await world.caller.bulk.get({ jobId: tab.page.url().split('/').at(-1) ?? '' })
  expect(started).toMatchObject({ action: 'enroll', name: 'harmless', dryRun: false })
})

test('a job that disappears while somebody watches it is told to be gone', async () => {
  // One that nobody works on.
  const { id: jobId } = await world.db
    .insertInto('bulk_jobs')
    .values({
      ...{ action: 'enroll', failure_mode: 'bestEffort', is_dry_run: false, phase: 'running', source: 'items' },
      ...{ actor_kind: 'service', actor_name: 'ops', created: new Date().toISOString() },
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  const tab = await world.open()
  await world.go(tab, `jobs/${jobId}`)
  await tab.page.getByRole('button', { name: 'Cancel' }).waitFor()
  await world.db.deleteFrom('bulk_jobs').where('id', '=', jobId).execute()
  await tab.page.getByRole('alert').getByText('There is no bulk job').waitFor()
  expect(await tab.page.getByText('trying again').count()).toBe(0)
})

test('a page whose server is away says so, keeps what it has, and goes on by itself', async () => {
  const tab = await world.open()
  const { page } = tab
  await world.go(tab, 'health')
  await page.getByText('The database answers').waitFor()
  const comeBack = await world.takeServerAway()
  await page.getByRole('alert').getByText('The server cannot be reached. Trying again…').waitFor()
  await page.getByText('The database answers').waitFor()
  await page.getByRole('link', { name: 'Course runs' }).click()
  await page.getByRole('alert').getByText('The server cannot be reached. Trying again…').waitFor()
  await comeBack()
  await page.getByRole('table', { name: 'Course runs' }).getByText(COURSE).waitFor()
  await eventually(async () => expect(await page.getByRole('alert').count()).toBe(0))
})
