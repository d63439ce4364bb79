// slow: starts a browser
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { CHROMIUM, isInstalled, settled, tabTo, tabToText } from './page.ts'
import { openWorld, TOKEN, type World } from './world.ts'

const COURSE = 'course-v1:edX+DemoX+2026'

let world: World
beforeAll(async () => {
  if (isInstalled) world = await openWorld()
})
afterAll(() => world?.[Symbol.asyncDispose]())
beforeEach((context) => context.skip(!isInstalled, `Needs ${CHROMIUM}: apt-get install -y chromium`))

test('the keyboard alone searches, opens a learner and a course run, goes back and signs out', async () => {
  const tab = await world.open()
  const { page } = tab
  await world.go(tab, 'learners')
  await tabToText(page, 'Skip to the content')
  await page.keyboard.press('Enter')
  await tabTo(page, `type === 'search'`)
  await page.keyboard.type('layla')
  await page.waitForURL(/text=layla/)
  await settled(page)
  await tabToText(page, 'layla')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'layla' }).waitFor()
  // The heading has the focus, so that a screen reader says where one is.
  await eventually(async () => expect(await page.evaluate('document.activeElement.tagName')).toBe('H1'))
  await settled(page)
  await tabToText(page, COURSE)
  await page.keyboard.press('Enter')
  await page.waitForURL(/courses/)
  await settled(page)
  await page.goBack()
  await page.getByRole('heading', { level: 1, name: 'layla' }).waitFor()
  await page.reload()
  await page.getByRole('heading', { level: 1, name: 'layla' }).waitFor()
  await tabToText(page, 'Sign out')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  expect(await tab.context.cookies()).toEqual([])
})

test('a link that was shared opens where it leads, after a wrong token was refused in words', async () => {
  const { context, page } = await world.open()
  await context.clearCookies()
  await page.goto(`${world.url}/console/courses/${encodeURIComponent(COURSE)}?text=layla&state=active`)
  await page.getByLabel('Internal token').fill('guess')
  await page.keyboard.press('Enter')
  await page.getByRole('alert').getByText('none of the internal tokens').waitFor()
  await page.getByLabel('Internal token').fill(TOKEN)
  await page.keyboard.press('Enter')
  await page.getByRole('table', { name: 'Roster' }).getByText('layla@example.com').waitFor()
  expect(await page.getByLabel('Username, name or e-mail address').inputValue()).toBe('layla')
  // The cookie is kept from scripts, and another tab has it.
  expect(await page.evaluate('document.cookie')).toBe('')
  const other = await context.newPage()
  await other.goto(page.url())
  await other.getByRole('table', { name: 'Roster' }).getByText('layla@example.com').waitFor()
})

test('a token in the address signs nobody in', async () => {
  const { context, page } = await world.open()
  await context.clearCookies()
  await page.goto(`${world.url}/console/jobs?token=${TOKEN}#${TOKEN}`)
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  expect(await page.getByLabel('Internal token').inputValue()).toBe('')
})

test('when the session is over, every view asks for the token and goes on where it was', async () => {
  const tab = await world.open()
  const { page, context } = tab
  const caller = world.caller
  await world.go(tab, 'feed')
  await page.getByText('Connected.').waitFor()
  await context.clearCookies()
  // What is connected already ends with the connection; the page may hear that the session is over from either server.
  const comeBack = await world.takeServerAway()
  await comeBack()
  await page.getByLabel('Internal token').fill(TOKEN)
  await page.keyboard.press('Enter')
  await page.getByText('Connected.').waitFor()
  await caller.enrollment.change({ username: 'layla', courseId: COURSE, isActive: false, reason: 'after signing in' })
  const changes = page.getByRole('table', { name: 'Changes' })
  await changes.getByText('after signing in').waitFor()
  expect(await changes.getByRole('row').count()).toBe(2)
})
