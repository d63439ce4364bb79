import { once } from 'node:events'
import { createServer } from 'node:net'
import { onTestFinished } from 'vitest'
import { consoleExtension } from '../../console/extension.ts'
import { defaultPolicy } from '../../core/policy.ts'
import { createCaller, type Caller } from '../../routers/index.ts'
import { startBulkWorker } from '../../server/background/bulk/worker.ts'
import { loadDemoCatalogueIfEmpty } from '../../server/demo/index.ts'
import { builtInExtensions } from '../../server/extensions.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { buildTestApp, openTestServer } from '../support/server.ts'
import { fillConsole } from './fill.ts'
import { openBrowser, openTab, settled, type Tab, type TabOptions } from './page.ts'

export const TOKEN = 'token-of-enterprise'

/** A server with the demo catalogue and something for every view, its bulk worker, and a browser. */
export interface World extends AsyncDisposable {
  readonly db: TestDatabase['db']
  readonly caller: Caller
  /** The private listener. */
  readonly url: string
  /** Opens a tab that is signed in, for the length of the test. */
  open(options?: TabOptions): Promise<Tab>
  /** Opens a view in it. */
  go(tab: Tab, path: string): Promise<void>
  /** Carries out a job of a text to its end. */
  runJob(csv: string, options?: { dryRun?: boolean; name?: string; reason?: string }): Promise<string>
  /** Takes the server away; call what it answers to have it back at the same address. */
  takeServerAway(): Promise<() => Promise<void>>
}

export async function openWorld(): Promise<World> {
  const database = await createTestDatabase()
  const { db, connectionString } = database
  await loadDemoCatalogueIfEmpty(db)
  await fillConsole(db)
  const log = { error: console.error, warn: console.warn }
  const worker = await startBulkWorker({ db, connectionString, policy: defaultPolicy, log })
  const extensions = [...builtInExtensions, consoleExtension]
  const openServer = (port = 0) =>
    openTestServer(buildTestApp({ db, extensions }), { privateAddress: { host: '127.0.0.1', port } })
  let server = await openServer()
  const url = server.internal
  const browser = await openBrowser()
  const caller = createCaller({ db, actor: { kind: 'service', name: 'registrar' } })
  return {
    db,
    caller,
    url,
    async open(options = {}) {
      const tab = await openTab(browser, url, TOKEN, options)
      onTestFinished(() => tab.context.close())
      return tab
    },
    async go({ page }, path) {
      await page.goto(`${url}/console/${path}`)
      await settled(page)
    },
    async runJob(csv, options = {}) {
      const { jobId } = await caller.bulk.start({ source: { csv }, ...options })
      for await (const { data } of caller.bulk.watch({ jobId })) if (data.endedAt !== null) break
      return jobId
    },
    async takeServerAway() {
      await server[Symbol.asyncDispose]()
      const port = Number(new URL(url).port)
      // Keeps the port, which another test would get otherwise, and answers nobody.
      const nobody = createServer((socket) => void socket.destroy())
      await once(nobody.listen(port, '127.0.0.1'), 'listening')
      return async () => {
        nobody.close()
        await once(nobody, 'close')
        server = await openServer(port)
      }
    },
    async [Symbol.asyncDispose]() {
      await browser.close()
      await server[Symbol.asyncDispose]()
      await worker[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}
