// slow: starts a browser, and scrolls through 100 000 rows
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { addCourse } from '../support/seed.ts'
import { addRoster } from './fill.ts'
import { CHROMIUM, isInstalled } from './page.ts'
import { openWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  if (isInstalled) world = await openWorld()
})
afterAll(() => world?.[Symbol.asyncDispose]())
beforeEach((context) => context.skip(!isInstalled, `Needs ${CHROMIUM}: apt-get install -y chromium`))

test('the live feed shows a change a moment after it has happened, and misses none over a lost connection', async () => {
  const tab = await world.open()
  await world.go(tab, 'feed')
  await tab.page.getByText('Connected.').waitFor()
  const courseId = await addCourse(world.db)
  const changes = tab.page.getByRole('table', { name: 'Changes' })
  await world.caller.enrollment.enroll({ username: 'alice', courseId, reason: 'live' })
  await changes.getByText('alice').waitFor()
  const comeBack = await world.takeServerAway()
  await tab.page.getByText('Connecting').waitFor()
  await world.caller.enrollment.enroll({ username: 'bob', courseId })
  await comeBack()
  await changes.getByText('bob').waitFor()
  expect(await changes.getByText('alice').count()).toBe(1)
})

test('a list that is still being read says so, not that there is nothing', async () => {
  const { page } = await world.open()
  const { promise: isAsked, resolve: asked } = Promise.withResolvers<void>()
  const { promise: isShown, resolve: shown } = Promise.withResolvers<void>()
  await page.route(/console\.findLearners/, async (route) => {
    asked()
    await isShown
    await route.continue()
  })
  await page.goto(`${world.url}/console/learners?text=alice`)
  await isAsked
  await page.getByText('Reading…').waitFor()
  expect(await page.getByText(/Nobody has|0 learners/).count()).toBe(0)
  shown()
  await page.getByRole('table', { name: 'Learners' }).getByText('alice@example.com').waitFor()
})

test('a roster of 100 000 scrolls to its end without blank rows, is searched, and has a screen of rows in the page', async () => {
  const courseId = await addCourse(world.db)
  await addRoster(world.db, courseId, 100_000)
  const tab = await world.open()
  const { page } = tab
  await world.go(tab, `courses/${encodeURIComponent(courseId)}`)
  let [most, isDone] = [0, false]
  while (!isDone) {
    const seen = (await page.evaluate(SCROLL_DOWN)) as Seen
    expect(seen.blank).toBe(0)
    most = Math.max(most, seen.rows)
    isDone = seen.isDone
  }
  const roster = page.getByRole('table', { name: 'Roster' })
  expect(await roster.getAttribute('aria-rowcount')).toBe('100001')
  expect(most).toBeLessThan(100)
  // By leaps, as with the bar at the side, and back.
  for (const part of [0, 0.73, 0.2, 0.999, 0.5]) {
    const { blank, rows } = (await page.evaluate(`(${LEAP})(${part})`)) as Seen
    expect([part, blank]).toEqual([part, 0])
    expect(rows).toBeLessThan(100)
  }
  await page.getByLabel('Username, name or e-mail address').fill('roster77777')
  await page.waitForURL(/text=roster77777/)
  await roster.getByText('roster77777@example.com').waitFor()
  await eventually(async () => expect(await roster.getAttribute('aria-rowcount')).toBe('2'))
}, 600_000)

test('a roster is exported whole, as a file that a job reads, with nothing that a spreadsheet would run', async () => {
  const courseId = await addCourse(world.db)
  await world.db
    .insertInto('learners')
    .values({ username: 'formula', name: '=1+1', email: '"a,b"@example.com' })
    .execute()
  await world.caller.enrollment.enrollMany({ items: ['formula', 'alice'].map((username) => ({ username, courseId })) })
  const tab = await world.open()
  await world.go(tab, `courses/${encodeURIComponent(courseId)}`)
  const [download] = await Promise.all([
    tab.page.waitForEvent('download'),
    tab.page.getByRole('button', { name: 'Export' }).click(),
  ])
  const text = await readFile(await download.path(), 'utf8')
  const lines = text.split('\r\n')
  expect(lines[0]).toBe('username,course_id,mode,is_active,name,email_address,enrolled')
  expect(lines.find((line) => line.startsWith('formula'))).toContain(`,audit,true,'=1+1,"""a,b""@example.com",`)
  expect(lines).toHaveLength(4)
  const job = await world.caller.bulk.get({ jobId: await world.runJob(text, { dryRun: true }) })
  expect(job.counts).toEqual({ unchanged: 2 })
})

interface Seen {
  /** Rows in the page. */
  readonly rows: number
  /** Pixels of the list in sight that no row covers. */
  readonly blank: number
  readonly isDone: boolean
}

/** What is in sight once the page was drawn. */
const LOOK = `(async () => {
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve))))
  const table = document.querySelector('[role=table][aria-label=Roster]')
  const [list, rows] = [table.querySelector('.rows'), [...table.querySelectorAll('.rows [role=row]')]]
  const { top, bottom } = list.getBoundingClientRect()
  const inSight = Math.max(0, Math.min(bottom, innerHeight) - Math.max(top, 0))
  const covered = rows.reduce((sum, row) => {
    const box = row.getBoundingClientRect()
    return sum + Math.max(0, Math.min(box.bottom, innerHeight) - Math.max(box.top, 0))
  }, 0)
  return {
    rows: rows.length,
    blank: Math.max(0, Math.round(inSight - covered)),
    isDone: table.getAttribute('aria-rowcount') !== '-1',
  }
})()`

/** Scrolls to the end of what is there, and waits until more is there or the end has come. */
const SCROLL_DOWN = `(async () => {
  const table = document.querySelector('[role=table][aria-label=Roster]')
  const list = table.querySelector('.rows')
  const before = list.offsetHeight
  scrollTo(0, list.getBoundingClientRect().bottom + scrollY - innerHeight)
  const seen = await ${LOOK}
  while (list.offsetHeight === before && table.getAttribute('aria-rowcount') === '-1') {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return seen
})()`

const LEAP = `async (part) => {
  const list = document.querySelector('[role=table][aria-label=Roster] .rows')
  scrollTo(0, list.getBoundingClientRect().top + scrollY + part * (list.offsetHeight - innerHeight))
  return ${LOOK}
}`
