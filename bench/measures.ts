import { enroll } from '../core/enrollment/enroll.ts'
import { plainCommand } from '../core/enrollment/command.ts'
import { defaultPolicy } from '../core/policy.ts'
import { createCaller } from '../routers/index.ts'
import { counting } from '../test/support/counting.ts'
import { handEnroll, handEnrollSet } from './baselines.ts'
import type { HandPool } from './hand-pool.ts'
import { closedLoop, type Measurement } from './load.ts'
import type { LoadProcess } from './load-process.ts'
import { measureOverhead, measureOverheadAlone } from './overhead.ts'
import type { Peers } from './peers.ts'
import type { Pgbench } from './pgbench.ts'
import type { BenchServer } from './server.ts'
import { enrollAll, heapOfStream, itemsOf } from './stream.ts'
import type { World } from './world.ts'

/** One line of the benchmark. */
export interface Measure {
  readonly name: string
  /** The baseline of the same run. */
  readonly against?: string
  /** Share of the calls of a round, where a call is slow or makes many rows. */
  readonly share?: number
  /** Rows of a round, whatever the others make. */
  readonly rows?: number
  run(total: number): Promise<Measurement>
  /** What is found out once, after the rounds. */
  readonly facts?: () => Promise<Facts>
}

/** What is known about a measure beside its speed. */
export interface Facts {
  /** Statements of one batch, by the number of its rows. */
  readonly statements?: Readonly<Record<string, number>>
  /** MB of memory that it holds at the most, without garbage. */
  readonly heapGrowthMb?: number
}

/** What the measures run on. */
export interface Rig {
  readonly world: World
  readonly server: BenchServer
  readonly peers: Peers
  readonly hand: HandPool
  readonly load: LoadProcess
  readonly pgbench: Pgbench | undefined
}

const actor = { kind: 'service', name: 'bench' } as const

/** All measures, in the order in which each round runs them. */
export function createMeasures({ world, server, peers, hand, load, pgbench }: Rig): Measure[] {
  const { db, usernames, newCourse } = world
  const { apiKey, token } = server
  const caller = createCaller({ db, actor })

  const single =
    (callers: number, call: (username: string, courseId: string) => Promise<unknown>) => async (total: number) => {
      const courseId = await newCourse()
      return closedLoop({ callers, total }, (index) => call(usernames[index] ?? '', courseId))
    }
  const thousands =
    (call: (batch: readonly string[], courseId: string) => Promise<unknown>) => async (total: number) => {
      const courseId = await newCourse()
      return closedLoop({ callers: 1, total: Math.floor(total / 1000), rowsPerCall: 1000 }, (index) =>
        call(usernames.slice(index * 1000, (index + 1) * 1000), courseId),
      )
    }
  const byHand = (username: string, courseId: string) => handEnroll(hand.pool, username, courseId)
  const throughCaller = (username: string, courseId: string) => caller.enrollment.enroll({ username, courseId })
  const throughCore = (username: string, courseId: string) =>
    enroll(
      db,
      { ...plainCommand, learner: { username }, courseId, path: 'enroll', isActive: true },
      { actor, via: 'caller', now: new Date() },
      defaultPolicy,
    )
  const wrapping = { usernames, newCourse, bare: throughCore, wrapped: throughCaller }
  const enrollBatch = (batch: readonly string[], courseId: string) =>
    caller.enrollment.enrollMany({ items: batch.map((username) => ({ username, courseId })) })
  const openCourses = (count: number) => Promise.all(Array.from({ length: count }, newCourse))
  const streamItems = async (total: number) =>
    itemsOf(usernames, await openCourses(Math.ceil(total / usernames.length)), total)
  const overHttp = (callers: number, url: string) => async (total: number) =>
    load.run({ door: 'http', url, apiKey, callers, usernames: usernames.slice(0, total), courseId: await newCourse() })
  const overSocket = (door: 'rpc' | 'orpc', socketPath: string) => async (total: number) =>
    load.run({
      ...{ door, socketPath, token, callers: 64 },
      usernames: usernames.slice(0, total),
      courseId: await newCourse(),
    })
  const ourUrl = `${server.restUrl}/enrollment`

  const all: (Measure | undefined)[] = [
    { name: 'hand-1', share: 0.2, run: single(1, byHand) },
    { name: 'caller-1', against: 'hand-1', share: 0.2, run: single(1, throughCaller) },
    { name: 'hand-64', run: single(64, byHand) },
    pgbench && {
      name: 'pgbench-64',
      against: 'hand-64',
      run: async (total) => pgbench.enroll(total, await newCourse()),
    },
    { name: 'caller-64', against: 'hand-64', run: single(64, throughCaller) },
    { name: 'core-64', against: 'hand-64', run: single(64, throughCore) },
    { name: 'caller-overhead', run: (total) => measureOverhead(total, wrapping) },
    { name: 'caller-overhead-1', share: 0.1, run: (total) => measureOverheadAlone(total, wrapping) },
    { name: 'hand-1000', run: single(1000, byHand) },
    { name: 'caller-1000', against: 'hand-1000', run: single(1000, throughCaller) },
    { name: 'unnest-1000', run: thousands((batch, courseId) => handEnrollSet(hand.pool, batch, courseId)) },
    {
      name: 'enroll-many-1000',
      against: 'unnest-1000',
      run: thousands(enrollBatch),
      facts: async () => ({ statements: { 10: await statementsFor(10), 1000: await statementsFor(1000) } }),
    },
    {
      name: 'stream-100k',
      against: 'unnest-1000',
      rows: 100_000,
      run: async (total) => {
        const items = await streamItems(total)
        return closedLoop({ callers: 1, total: 1, rowsPerCall: total }, () => enrollAll(caller, items))
      },
      facts: async () => ({ heapGrowthMb: await heapOfStream(caller, await streamItems(30_000)) }),
    },
    { name: 'rest-64', against: 'hand-64', run: overHttp(64, ourUrl) },
    { name: 'rpc-socket-64', against: 'rest-64', run: overSocket('rpc', server.socketPath) },
    { name: 'orpc-socket-64', against: 'rpc-socket-64', run: overSocket('orpc', peers.orpcSocketPath) },
    { name: 'fastify-hand-256', run: overHttp(256, peers.handUrl) },
    { name: 'rest-256', against: 'fastify-hand-256', run: overHttp(256, ourUrl) },
  ]
  return all.filter((measure) => measure !== undefined)

  async function statementsFor(rows: number): Promise<number> {
    const counted = counting(db)
    const courseId = await newCourse()
    const items = usernames.slice(0, rows).map((username) => ({ username, courseId }))
    await createCaller({ db: counted.db, actor }).enrollment.enrollMany({ items })
    return counted.statements()
  }
}
