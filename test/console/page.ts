import { existsSync } from 'node:fs'
import axe from 'axe-core'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'

export const CHROMIUM = '/usr/bin/chromium'
export const isInstalled = existsSync(CHROMIUM)

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** For a machine that does much else at the same time: how long anything may take says nothing about the page. */
const PATIENCE_MS = 60_000

export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
}

/** A tab that is signed in, with what went wrong in it and what it asked of other servers. */
export interface Tab {
  readonly context: BrowserContext
  readonly page: Page
  /** Errors of scripts, and violations of the content policy. */
  readonly faults: string[]
  readonly outside: string[]
}

/** Opens a tab and signs in with a token, as a person does. */
export async function openTab(browser: Browser, url: string, token: string, options: TabOptions = {}): Promise<Tab> {
  const { width = 1440, height = 900, colorScheme = 'light', locale = 'en-GB' } = options
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, locale, timezoneId: 'UTC' })
  context.setDefaultTimeout(PATIENCE_MS)
  const page = await context.newPage()
  const [faults, outside]: [string[], string[]] = [[], []]
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => {
    if (/Content Security Policy|Trusted/i.test(message.text())) faults.push(message.text())
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('blob:')) outside.push(request.url())
  })
  await page.goto(`${url}/console/health`)
  await page.getByLabel('Internal token').fill(token)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Health' }).waitFor()
  return { context, page, faults, outside }
}

export interface TabOptions {
  readonly width?: number
  readonly height?: number
  readonly colorScheme?: 'light' | 'dark'
  readonly locale?: string
}

/** Where the page of a tab can be scrolled sideways, by so many pixels. */
export async function overflowOf(page: Page): Promise<unknown> {
  return page.evaluate('Math.max(0, document.documentElement.scrollWidth - innerWidth)')
}

/** Presses Tab until what a test of the page says of the element in focus is true: it may not have been read yet. */
export async function tabTo(page: Page, isThere: string): Promise<void> {
  const until = Date.now() + PATIENCE_MS
  for (let turn = 0; turn < 120 || Date.now() < until; turn += 1) {
    await page.keyboard.press('Tab')
    if (
      (await page.evaluate(`(({ textContent, type, labels, value }) => ${isThere})(document.activeElement)`)) === true
    )
      return
  }
  throw new Error(`The keyboard does not come to: ${isThere}`)
}

/** Presses Tab until something with this text has the focus. */
export async function tabToText(page: Page, text: string): Promise<void> {
  await tabTo(page, `textContent.trim() === ${JSON.stringify(text)}`)
}

/** Presses Tab until the field with this label has the focus. */
export async function tabToField(page: Page, label: string): Promise<void> {
  await tabTo(page, `labels?.[0]?.textContent.startsWith(${JSON.stringify(label)}) === true`)
}

/** Waits until a view has read what it shows. */
export async function settled(page: Page): Promise<void> {
  await page.waitForLoadState('domcontentloaded')
  const until = Date.now() + PATIENCE_MS
  do {
    await page.waitForTimeout(100)
    // Not `waitForFunction`, which the content policy forbids: the page evaluates no text.
    if ((await page.evaluate(IS_SETTLED)) === true) return
  } while (Date.now() < until)
  throw new Error(`The view does not come to rest: ${page.url()}`)
}

const IS_SETTLED = `document.querySelector('h1') !== null && !document.body.innerText.includes('Reading…')
  && document.querySelector('[role=table], .empty, form, [role=alert], main p') !== null
  && document.querySelector('[aria-rowcount="-1"] .rows:empty') === null`

/** What is asked of axe: all that pages have to keep, or only what the colours decide. */
const RULES = {
  all: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] },
  colours: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] },
}

/** What is wrong for whoever does not see, or not well, by the rule and the element. */
export async function violationsIn(page: Page, rules: keyof typeof RULES = 'all'): Promise<string[]> {
  if ((await page.evaluate('typeof axe')) === 'undefined') await page.evaluate(axe.source)
  const found = (await page.evaluate(
    `axe.run({ runOnly: ${JSON.stringify(RULES[rules])} }).then((result) =>
      result.violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ': ' + html.slice(0, 200) + ' ' + failureSummary)))`,
  )) as string[]
  return found
}
