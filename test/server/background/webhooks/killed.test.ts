// long: waits for its time to pass
import { randomBytes } from 'node:crypto'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { createTestDatabase } from '../../../support/database.ts'
import { eventually } from '../../../support/eventually.ts'
import { openReceiver, type Received } from '../../../support/receiver.ts'
import { addCourse, addLearners } from '../../../support/seed.ts'
import { SECRETS, startServer } from '../../../support/server-process.ts'
import { createCaller } from '../../../../routers/index.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

test(
  'a server that is killed while it sends loses nothing, and what comes twice has the same id',
  { timeout: 180_000 },
  async () => {
    const settings = { secretKeys: [randomBytes(16).toString('hex')], allowedNetworks: ['127.0.0.1'] }
    const { webhooks, enrollment } = createCaller({ db, actor: { kind: 'service', name: 'tests' }, webhooks: settings })
    const courseId = await addCourse(db)
    const receiver = await openReceiver((_, response) => void setTimeout(() => response.writeHead(204).end(), 20))
    onTestFinished(() => receiver[Symbol.asyncDispose]())
    const { id } = await webhooks.create({ url: receiver.url, courseIds: [courseId] })
    const learners = await addLearners(db, 400)
    const items = learners.map(({ username }) => ({ username, courseId }))
    await enrollment.enrollMany({ items })
    await enrollment.enrollMany({
      items: items.map((item) => ({ ...item, mode: 'verified', whenEnrolled: 'update' as const })),
    })

    for (const count of [50, 300]) {
      const server = startServer(environment(settings))
      await eventually(() => expect(receiver.received.length).toBeGreaterThan(count))
      server.child.kill('SIGKILL')
      await server.exit
    }
    // Those that were under way are taken over once the lease is over.
    await db
      .updateTable('webhook_deliveries')
      .set({ next_attempt_at: new Date().toISOString() })
      .where('state', '=', 'pending')
      .execute()
    startServer(environment(settings))
    await eventually(async () => {
      const [left] = (await webhooks.deliveries({ id, state: 'pending' })).items
      expect(left).toBeUndefined()
      expect(firstOf(receiver.received)).toHaveLength(800)
    })
    for (const { username } of learners) {
      const versions = firstOf(receiver.received).filter(({ message }) => message.data['username'] === username)
      expect(versions.map(({ message }) => message.data['version'])).toEqual([1, 2])
    }
    const events = new Set(receiver.received.map(({ message }) => message.data['id']))
    const ids = new Set(receiver.received.map(({ headers }) => headers['webhook-id']))
    expect([events.size, ids.size]).toEqual([800, 800])
  },
)

function environment({ secretKeys, allowedNetworks }: { secretKeys: string[]; allowedNetworks: string[] }) {
  return {
    ...SECRETS,
    DATABASE_URL: database.connectionString,
    WEBHOOK_SECRET_KEY: secretKeys.join(','),
    WEBHOOK_ALLOWED_NETWORKS: allowedNetworks.join(','),
    LOG_LEVEL: 'warn',
  }
}

/** What is left once duplicates are removed. */
function firstOf(received: readonly Received[]): Received[] {
  const seen = new Set<unknown>()
  return received.filter(({ headers: { 'webhook-id': id } }) => !seen.has(id) && seen.add(id))
}
