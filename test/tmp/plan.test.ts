import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { CompiledQuery } from 'kysely'
import { afterAll, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearners } from '../support/seed.ts'
import { webhookCaller } from '../support/webhooks.ts'
import { fanOut } from '../../core/webhook/fan-out.ts'
import { claimDue } from '../../core/webhook/claim.ts'
import { writeResults } from '../../core/webhook/results.ts'
import { readMessages } from '../../core/webhook/messages.ts'
import { secretBox } from '../../core/webhook/secret.ts'
const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { webhooks, enrollment } = webhookCaller(db)
test('plan', async () => {
  const courseId = await addCourse(db)
  await webhooks.create({ url: 'https://example.org/', courseIds: [courseId] })
  for (let i = 0; i < 5; i++) {
    const learners = await addLearners(db, 2000)
    await enrollment.enrollMany({ items: learners.map(({ username }) => ({ username, courseId })) })
  }
  await new Promise((r) => setTimeout(r, 300))
  for (let i = 0; i < 6; i++) {
    const t = performance.now()
    const r = await fanOut(db, new Date())
    console.log('fanOut', r, performance.now() - t)
  }
  const source = readFileSync('core/webhook/claim.ts', 'utf8')
  const sender = randomUUID()
  const box = secretBox(['key-of-the-tests'])
  const times: Record<string, number[]> = { claim: [], read: [], write: [] }
  for (let i = 0; i < 12; i++) {
    let t = performance.now()
    const claimed = await claimDue(db, { sender, now: new Date(), rooms: new Map(), room: 256 })
    times.claim.push(performance.now() - t)
    t = performance.now()
    const m = await readMessages(db, claimed, { box, now: new Date() })
    times.read.push(performance.now() - t)
    t = performance.now()
    await writeResults(db, m.ready.map(({ delivery }) => ({ deliveryId: delivery.id, webhookId: delivery.webhookId, state: 'delivered' as const, nextAttemptAt: null, isWait: false, error: null, isGone: false, status: 200, answer: 'ok' })), { sender, now: new Date() })
    times.write.push(performance.now() - t)
  }
  console.log(JSON.stringify(times, (_, v) => typeof v === 'number' ? Math.round(v * 10) / 10 : v))
  const { CLAIM } = { CLAIM: source }
  void CLAIM
  const mod = await import('../../core/webhook/claim.ts') as unknown as Record<string, string>
  void mod
}, 200_000)
