import { afterAll, expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { openReceiver } from '../support/receiver.ts'
import { addCourse, addLearners } from '../support/seed.ts'
import { runWebhooks, webhookCaller } from '../support/webhooks.ts'
const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { webhooks, enrollment } = webhookCaller(db)
test('speed', async () => {
  const courseId = await addCourse(db)
  const receiver = await openReceiver()
  const { id } = await webhooks.create({ url: receiver.url, courseIds: [courseId] })
  for (let i = 0; i < 5; i++) {
    const learners = await addLearners(db, 2000)
    await enrollment.enrollMany({ items: learners.map(({ username }) => ({ username, courseId })) })
  }
  let t = performance.now()
  const cpu0 = process.cpuUsage()
  runWebhooks(db)
  await eventually(() => expect(receiver.received.length).toBe(10_000))
  let s = (performance.now() - t) / 1000
  console.log('normal', 10_000 / s, 'per s', process.cpuUsage(cpu0).user / 1e6, 's cpu incl. receiver', s)
  await eventually(async () => expect((await webhooks.deliveries({ id, state: 'pending' })).items).toEqual([]))
  receiver.received.length = 0
  t = performance.now()
  await webhooks.replay({ id, after: '0-0' })
  await eventually(() => expect(receiver.received.length).toBeGreaterThan(2_000))
  s = (performance.now() - t) / 1000
  console.log('replay', receiver.received.length / s, 'per s')
}, 200_000)
