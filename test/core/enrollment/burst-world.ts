import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { DB } from '../../../core/database/schema.ts'
import {
  createCaller,
  enrollmentErrorFrom,
  type BatchAnswer,
  type Caller,
  type Enrollment,
  type Outcome,
} from '../../../routers/index.ts'
import { addAllowance, addCourse, addLearners, addRole, type SeededLearner } from '../../support/seed.ts'
import { LEARNERS, type Ask, type Burst } from './bursts.ts'
import type { CourseModel } from './model.ts'

const PAST = '2026-02-01T00:00:00Z'

export interface BurstWorld {
  readonly learners: readonly SeededLearner[]
  readonly courses: readonly CourseModel[]
}

/**
 * Builds a world beside those that are there: an open course run, one with `seats` of which learner 0 takes none, one
 * with three seats by invitation of learners 0 and 1 (that of 2 was used by another), one that has ended.
 */
export async function buildBurstWorld(db: Kysely<DB>, seats: number): Promise<BurstWorld> {
  const learners = await addLearners(db, LEARNERS)
  const [coach, second, third, fourth] = learners
  const course = async (columns: Parameters<typeof addCourse>[1], rules: Partial<CourseModel> = {}) => ({
    key: await addCourse(db, { modes: ['audit', 'verified', ['honor', PAST]], ...columns }),
    offered: ['audit', 'verified'],
    expired: ['honor'],
    limit: columns?.max_enrollments ?? null,
    closed: new Map(),
    seatless: new Set<number>(),
    ...rules,
  })
  const everybody = learners.map((_, learner) => learner)
  const capped = await course({ max_enrollments: seats }, { seatless: new Set([0]) })
  const invited = await course(
    { max_enrollments: 3, invitation_only: true },
    { closed: new Map(everybody.slice(2).map((n) => [n, n === 2 ? 'allowanceTaken' : 'invitationOnly'])) },
  )
  if (!coach || !second || !third || !fourth) throw new RangeError('There are learners')
  await addRole(db, coach, 'ccx_coach', capped.key)
  for (const { email } of [coach, second]) await addAllowance(db, email, invited.key)
  await addAllowance(db, third.email, invited.key, fourth.id)
  const ended = await course({ enrollment_end: PAST }, { closed: new Map(everybody.map((n) => [n, 'ended'])) })
  return { learners, courses: [await course({}), capped, invited, ended] }
}

/** Of an outcome what an event tells as well. */
export type Kept = Omit<Outcome, 'enrollment'> & {
  enrollment: Pick<Enrollment, 'id' | 'version' | 'mode' | 'isActive'>
}

/** What a call came to, and when: by a clock that counts beginnings and ends. */
export interface Told {
  readonly ask: Ask
  readonly began: number
  readonly ended: number
  readonly result: Kept | { readonly code: string; readonly details: unknown }
  /** What the events of the call carry; the items of a batch share it. */
  readonly requestId: string
}

/** Makes the calls: those of a burst at once, the next burst while they run. Actors are spread over the pools. */
export async function runBursts(
  pools: readonly Kysely<DB>[],
  world: BurstWorld,
  bursts: readonly Burst[],
): Promise<Told[]> {
  let clock = 0
  const told: Told[] = []
  const calls: Promise<void>[] = []
  for (const { actor, isBatch, asks, pause } of bursts) {
    const db = pools[actor % pools.length]
    if (db === undefined) throw new RangeError('There is a pool')
    clock += 1
    const began = clock
    const make = (index: number) => {
      const requestId = `${world.courses[0]?.key} ${began} ${index}`
      const { enrollment } = createCaller({ db, actor: { kind: 'service', name: `actor ${actor}` }, requestId })
      const tell = (ask: Ask, result: Told['result']) => {
        clock += 1
        told.push({ ask, began, ended: clock, result, requestId })
      }
      return { enrollment, tell }
    }
    const batch = asks.flatMap((ask) => (isBatch && ask.procedure === 'enroll' ? [ask] : []))
    const single = asks.filter((ask) => !isBatch || ask.procedure !== 'enroll')
    calls.push(...single.map((ask, index) => callAlone(make(index), world, ask)))
    if (batch.length > 0) calls.push(callTogether(make(asks.length), world, batch))
    await pass(pause)
  }
  await Promise.all(calls)
  return told
}

interface Made {
  readonly enrollment: Caller['enrollment']
  readonly tell: (ask: Ask, result: Told['result']) => void
}

async function callAlone({ enrollment, tell }: Made, world: BurstWorld, ask: Ask): Promise<void> {
  const named = namesOf(world, ask)
  const call =
    ask.procedure === 'enroll'
      ? enrollment.enroll({ ...named, ...ask.rest })
      : enrollment.change({ ...named, ...ask.rest })
  const refused = (error: unknown) => enrollmentErrorFrom(error)?.failure ?? { code: String(error), details: null }
  tell(ask, await call.catch(refused))
}

async function callTogether(
  { enrollment, tell }: Made,
  world: BurstWorld,
  batch: readonly Extract<Ask, { procedure: 'enroll' }>[],
): Promise<void> {
  const items = batch.map((ask) => ({ ...namesOf(world, ask), ...ask.rest }))
  const { results } = await enrollment.enrollMany({ items })
  for (const [index, ask] of batch.entries()) tell(ask, resultOf(results[index]))
}

function namesOf({ learners, courses }: BurstWorld, { learner, course }: Ask) {
  return { username: learners[learner]?.username ?? '', courseId: courses[course]?.key ?? '' }
}

function resultOf(result: BatchAnswer['results'][number] | undefined): Told['result'] {
  if (result === undefined) throw new RangeError('Each item has its result')
  return result.ok ? result.outcome : result.error
}

async function pass(pause: Burst['pause']): Promise<void> {
  if ('milliseconds' in pause) await sleep(pause.milliseconds)
  else for (let turns = 0; turns < pause.turns; turns += 1) await turn()
}
