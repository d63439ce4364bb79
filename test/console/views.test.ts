// slow: minutes, as axe looks at every view four times
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { CUSTOMER, LONG_NAME, RTL } from './fill.ts'
import { CHROMIUM, isInstalled, overflowOf, violationsIn, type Tab } from './page.ts'
import { openWorld, type World } from './world.ts'

const COURSE = 'course-v1:edX+DemoX+2026'
const LINES = `username,course_id,surname
alice,${COURSE},Arden
alcie,${COURSE},Arden
bob,course-v1:edX+Nowhere+2026,Brown
layla,course-v1:OpenHarbor+LANG110+Always,`

let world: World
let views: [name: string, path: string][]
beforeAll(async () => {
  if (!isInstalled) return
  world = await openWorld()
  const { id = '' } = (await world.db.selectFrom('webhooks').select('id').executeTakeFirst()) ?? {}
  views = [
    ['jobs', 'jobs'],
    ['new job', 'jobs/new'],
    ['plan', `jobs/${await world.runJob(LINES, { dryRun: true })}`],
    ['job', `jobs/${await world.runJob(LINES, { reason: LONG_NAME })}?show=failed`],
    ['job that failed', `jobs/${await world.runJob('surname\nArden\n', { name: LONG_NAME })}`],
    ['no job', 'jobs/nothing'],
    ['learners', 'learners?text=al'],
    ['learner', `learners/${RTL.username}`],
    ['learner with a long name', `learners/${'x'.repeat(150)}`],
    ['course runs', 'courses'],
    ['course run', `courses/${encodeURIComponent(COURSE)}`],
    ['customers', 'customers'],
    ['customer', `customers/${CUSTOMER}`],
    ['live feed', 'feed'],
    ['webhooks', 'webhooks'],
    ['webhook', `webhooks/${id}`],
    ['health', 'health'],
    ['none', 'nothing'],
  ]
})
afterAll(() => world?.[Symbol.asyncDispose]())
beforeEach((context) => context.skip(!isInstalled, `Needs ${CHROMIUM}: apt-get install -y chromium`))

const WIDTHS = [320, 375, 768, 1101, 1440, 2560]

/** What is wrong with a view at all widths, light and dark. */
async function wrongWith({ page }: Tab): Promise<string[]> {
  const wrong: string[] = []
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 })
    const overflow = await overflowOf(page)
    if (overflow !== 0) wrong.push(`${String(overflow)} px beyond ${width}`)
    if (width !== 375 && width !== 1440) continue
    // A view is the same in the dark but for its colours.
    for (const [colorScheme, rules] of [
      ['light', 'all'],
      ['dark', 'colours'],
    ] as const) {
      await page.emulateMedia({ colorScheme })
      wrong.push(...(await violationsIn(page, rules)).map((violation) => `${colorScheme} ${width}: ${violation}`))
    }
  }
  return wrong
}

test('no view has anything that axe finds wrong, is cut off, breaks the policy, or asks another server', async () => {
  const tab = await world.open({ locale: 'de-DE' })
  for (const [name, path] of views) {
    await world.go(tab, path)
    expect([name, await wrongWith(tab)]).toEqual([name, []])
  }
  expect(tab.faults).toEqual([])
  expect(tab.outside).toEqual([])
}, 600_000)

test('signing in has nothing that axe finds wrong either', async () => {
  const tab = await world.open()
  await tab.context.clearCookies()
  await tab.page.reload()
  await tab.page.getByLabel('Internal token').fill('guess')
  await tab.page.keyboard.press('Enter')
  await tab.page.getByRole('alert').waitFor()
  expect(await wrongWith(tab)).toEqual([])
})

test('what is wrong is found (so that the tests above say something)', async () => {
  const tab = await world.open()
  const { page, faults, outside } = tab
  await page.evaluate(`document.querySelector('main').append(document.createElement('button'))`)
  await page.evaluate(`document.querySelector('h1').style.color = 'light-dark(#eee, #333)'`)
  const wrong = await wrongWith(tab)
  expect(wrong.filter((each) => each.includes('button-name'))).toHaveLength(2)
  expect(wrong.filter((each) => each.includes('color-contrast'))).toHaveLength(4)
  await page.evaluate(`document.querySelector('h1').style.minWidth = '2000px'`)
  await page.setViewportSize({ width: 375, height: 900 })
  expect(await overflowOf(page)).toBeGreaterThan(1_000)
  await page.evaluate(`new Image().src = 'http://127.0.0.1:1/picture'`)
  await eventually(() => expect(faults).toEqual([expect.stringContaining('img-src')]))
  await page.evaluate(`location.assign('http://127.0.0.1:1/')`).catch(() => {})
  await eventually(() => expect(outside.length).toBeGreaterThan(0))
})

test('a learner’s long name and an Arabic one are there as a whole', async () => {
  const tab = await world.open({ width: 320 })
  await world.go(tab, `courses/${encodeURIComponent(COURSE)}?text=${encodeURIComponent(RTL.name)}`)
  expect(await tab.page.getByRole('table', { name: 'Roster' }).innerText()).toContain(RTL.name)
  await world.go(tab, `learners/${'x'.repeat(150)}`)
  expect(await tab.page.locator('dl').innerText()).toContain(LONG_NAME)
})

test('what has changed is told with who, by which way, why, before and after', async () => {
  const tab = await world.open()
  await world.go(tab, `learners/${RTL.username}`)
  const row = tab.page.getByRole('table', { name: 'History' }).getByRole('row').filter({ hasText: 'Asked to leave' })
  expect((await row.first().innerText()).replaceAll(/\s+/g, ' ')).toMatch(
    /unenrolled .*(audit|honor|verified) → to? ?(audit|honor|verified), not active registrar over caller Asked to leave/,
  )
  await tab.page.getByRole('table', { name: 'Funded enrollments' }).getByText('license').waitFor()
})
