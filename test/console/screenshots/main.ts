import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Page } from 'playwright-core'
import { openDatabase } from '../../../core/database/open.ts'
import { startEmbeddedDatabase } from '../../../embedded/start.ts'
import { createClient, type Client } from '../../../routers/client.ts'
import { CUSTOMER, fillConsole, RTL, WEBHOOK_SETTINGS } from '../fill.ts'
import { openBrowser, openTab, settled } from '../page.ts'

// Takes pictures of every view of the console: light and dark, on a phone and on a screen. `npm run screenshots`, or with names of views.

const only = process.argv.slice(2)
const target = join(import.meta.dirname, '../../../docs/console')
const dataDir = await mkdtemp(join(tmpdir(), 'console-'))
const [WEBHOOK_SECRET_KEY = ''] = WEBHOOK_SETTINGS.secretKeys
const { PATH = '' } = process.env
const env = { PATH, WEBHOOK_SECRET_KEY, DATA_DIR: dataDir, PORT: '0', INTERNAL_PORT: '0' }
const server = spawn(process.execPath, ['server/main.ts'], { env, stdio: ['ignore', 'pipe', 'ignore'] })
try {
  const url = await readyUrl()
  const token = (await readFile(join(dataDir, 'secrets/internal-token'), 'utf8')).trim()
  await fill()
  const jobs = await makeJobs(url, token)
  await mkdir(target, { recursive: true })
  await using browser = { value: await openBrowser(), [Symbol.asyncDispose]: () => browser.value.close() }
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [width, height] of [
      [1440, 860],
      [375, 740],
    ] as const) {
      const { context, page, faults } = await openTab(browser.value, url, token, { width, height, colorScheme })
      for (const [name, path] of await viewsOf(page, url, jobs)) {
        if (only.length > 0 && !only.includes(name)) continue
        await page.goto(`${url}/console/${path}`)
        await settled(page)
        if (name === 'feed') await makeChanges(url, token, page)
        await page.waitForTimeout(100)
        await writeFile(join(target, `${name}-${colorScheme}-${width}.webp`), await picture(page))
      }
      if (faults.length > 0) throw new Error(faults.join('\n'))
      await context.close()
    }
  }
} finally {
  server.kill('SIGTERM')
  await new Promise((resolve) => server.once('close', resolve))
  await rm(dataDir, { recursive: true, force: true })
}

async function readyUrl(): Promise<string> {
  for await (const line of createInterface({ input: server.stdout })) {
    if (line.includes('"msg":"ready"')) return (JSON.parse(line) as { internalUrl: string }).internalUrl
  }
  throw new Error('The server did not start')
}

async function fill(): Promise<void> {
  await using embedded = await startEmbeddedDatabase({ dataDir, mode: 'guest' })
  await using db = openDatabase({ connectionString: embedded.connectionString })
  await fillConsole(db)
}

/** A job that has ended with failures, and the plan of another. */
async function makeJobs(at: string, secret: string): Promise<[string, string][]> {
  await using client = createClient({ url: at, token: secret })
  const courses = [
    'course-v1:OpenHarbor+LANG110+Always',
    'course-v1:LindenU+ART115+Spring',
    'course-v1:edX+Nowhere+2026',
  ]
  const users = ['alice', 'bob', 'rafael_moreira', 'jonas_weber', 'freya_nielsen', 'alcie', 'layla', 'timur_akhmetov']
  const rows = courses.flatMap((course) => users.map((user) => `${user},${course},audit`))
  const csv = ['username,course_id,mode', ...rows].join('\n')
  const start = { source: { csv }, name: 'Spring intake', reason: 'Spring intake' }
  const plan = await ended(client, await client.bulk.start.mutate({ ...start, dryRun: true }))
  const job = await ended(client, await client.bulk.start.mutate(start))
  await ended(client, await client.bulk.undo.mutate({ jobId: job, dryRun: true }))
  const only = `username,course_id\nalice,${courses[0]}\n`
  await ended(
    client,
    await client.bulk.start.mutate({ source: { csv: only }, action: 'sync', name: 'Language roster' }),
  )
  const misnamed = { source: { csv: 'surname,town\nArden,Oslo\n' }, name: 'From the registrar.csv' }
  await ended(client, await client.bulk.start.mutate(misnamed))
  return [
    ['job', `jobs/${job}`],
    ['plan', `jobs/${plan}`],
  ]
}

async function ended(client: Client, { jobId }: { jobId: string }): Promise<string> {
  for await (const { data } of client.bulk.watch({ jobId })) if (data.endedAt !== null) break
  return jobId
}

/** Something for the live feed to show: somebody leaves and comes back. */
async function makeChanges(at: string, secret: string, page: Page): Promise<void> {
  await using client = createClient({ url: at, token: secret })
  const courseId = 'course-v1:OpenHarbor+LANG110+Always'
  for (const username of ['alice', 'bob', 'jonas_weber', 'freya_nielsen']) {
    for (const isActive of [false, true]) {
      const reason = isActive ? 'Came back' : 'Asked to leave'
      await client.enrollment.change.mutate({ username, courseId, isActive, reason })
    }
  }
  await page.getByRole('table', { name: 'Changes' }).getByText('freya_nielsen').nth(1).waitFor()
}

async function viewsOf(page: Page, at: string, jobs: readonly [string, string][]): Promise<[string, string][]> {
  await page.goto(`${at}/console/webhooks`)
  const webhook = await page.getByRole('cell').getByRole('link').first().getAttribute('href')
  return [
    ['jobs', 'jobs'],
    ['new-job', 'jobs/new'],
    ...jobs,
    ['learners', 'learners?text=a'],
    ['learner', `learners/${RTL.username}`],
    ['courses', 'courses'],
    ['course', `courses/${encodeURIComponent('course-v1:TidewaterTech+ROBO120+Workshop')}`],
    ['customers', 'customers'],
    ['customer', `customers/${CUSTOMER}`],
    ['feed', 'feed'],
    ['webhooks', 'webhooks'],
    ['webhook', (webhook ?? '').replace('/console/', '')],
    ['health', 'health'],
  ]
}

/** As WebP, which is smaller than PNG. */
async function picture(page: Page): Promise<Buffer> {
  const session = await page.context().newCDPSession(page)
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 42 })
  await session.detach()
  return Buffer.from(data, 'base64')
}
