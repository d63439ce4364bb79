import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, expect, inject, onTestFinished, test } from 'vitest'
import { neededEnvironment } from '../support/child-environment.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { addCourse, addLearners } from '../support/seed.ts'
import { runWebhooks, webhookCaller } from '../support/webhooks.ts'
import { freePort } from '../support/free-port.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { webhooks, enrollment } = webhookCaller(db)
const program = join(import.meta.dirname, '../../examples/webhook-receiver.ts')

test('the receiver of the examples verifies, removes duplicates, and catches up after a day away', async () => {
  let ahead = 0
  runWebhooks(db, { now: () => new Date(Date.now() + ahead) })
  const [courseId, port] = [await addCourse(db), await freePort()]
  const url = `http://127.0.0.1:${port}/hook`
  const { id, secret } = await webhooks.create({ url, courseIds: [courseId] })
  const settings = {
    WEBHOOK_SECRET: secret,
    PORT: String(port),
    SEEN_FILE: join(await mkdtemp(join(inject('scratch'), 'receiver-')), 'seen.txt'),
  }
  const receiver = startReceiver(settings)
  await eventually(() => fetch(url))
  const before = await enroll(courseId, 5)
  await eventually(() => expect(namesIn(receiver.output())).toEqual(new Set(before)))

  const forged = { method: 'POST', body: '{"type":"enrollment.created","data":{}}' }
  expect((await fetch(url, forged)).status).toBe(400)

  await receiver.stop()
  const away = await enroll(courseId, 5)
  for (let attempts = 1; attempts <= 8; attempts += 1) {
    await eventually(async () => {
      const items = (await webhooks.deliveries({ id })).items.filter(({ state }) => state !== 'delivered')
      expect(items).toHaveLength(away.length)
      // The second attempt comes after five seconds, which may be over before this looks.
      for (const delivery of items) expect(delivery.attempts).toBeGreaterThanOrEqual(attempts)
      if (attempts === 8) expect(new Set(items.map(({ state }) => state))).toEqual(new Set(['dead']))
    })
    ahead += 13 * 3_600_000
  }

  ahead = 0
  const again = startReceiver(settings)
  await eventually(() => fetch(url))
  const [, cursor = ''] = await eventually(() => {
    const found = /--after (\S+)/.exec(again.output())
    expect(found).not.toBeNull()
    return found ?? []
  })
  await webhooks.replay({ id, after: cursor })
  await eventually(() => expect(namesIn(again.output())).toEqual(new Set(away)))

  // Everything once more: the messages come, and nothing is done twice.
  await webhooks.replay({ id, after: '0-0' })
  await eventually(async () => {
    const { items } = await webhooks.deliveries({ id, state: 'delivered' })
    expect(items).toHaveLength(10)
  })
  await eventually(async () => expect((await webhooks.deliveries({ id, state: 'pending' })).items).toEqual([]))
  expect((await readFile(settings.SEEN_FILE, 'utf8')).trim().split('\n')).toHaveLength(10)
  expect(linesOf(again.output())).toHaveLength(5)
})

test('it has about 30 lines', async () => {
  const lines = (await readFile(program, 'utf8')).trim().split('\n')
  expect(lines.length).toBeLessThanOrEqual(35)
})

function startReceiver(settings: Record<string, string>): { output(): string; stop(): Promise<void> } {
  const env = { ...neededEnvironment(), ...settings }
  const child: ChildProcess = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => (output += String(chunk)))
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await exited
  }
  onTestFinished(stop)
  return { output: () => output, stop }
}

async function enroll(courseId: string, count: number): Promise<string[]> {
  const usernames = (await addLearners(db, count)).map(({ username }) => username)
  await enrollment.enrollMany({ items: usernames.map((username) => ({ username, courseId })) })
  return usernames
}

function linesOf(output: string): string[] {
  return output.split('\n').filter((line) => line.startsWith('enrollment.'))
}

function namesIn(output: string): Set<string> {
  return new Set(linesOf(output).map((line) => /: (\S+) in/.exec(line)?.[1] ?? ''))
}
