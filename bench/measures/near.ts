import { plainCommand } from '../../core/enrollment/command.ts'
import { enroll } from '../../core/enrollment/enroll.ts'
import { defaultPolicy } from '../../core/policy.ts'
import { createCaller } from '../../routers/index.ts'
import { counting } from '../../test/support/counting.ts'
import { handEnrollCapped, VARIANTS } from '../baselines.ts'
import { closedLoop } from '../load.ts'
import { measureOverhead, measureOverheadAlone } from '../overhead.ts'
import { enrollAll, heapOfStream, itemsOf } from '../stream.ts'
import { byHand, CAPPED, inVariant, inVariants, setsByHand, single, thousands } from './loops.ts'
import type { Measure } from './measure.ts'
import type { Rig } from './rig.ts'

const actor = { kind: 'service', name: 'bench' } as const

/** Every way in, with a PostgreSQL beside it. */
export function nearMeasures({ world, server, peers, hand, load, pgbench }: Rig): Measure[] {
  const { db, usernames, newCourse } = world
  const { apiKey, token } = server
  const caller = createCaller({ db, actor })

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
  const openCourses = (count: number) => Promise.all(Array.from({ length: count }, () => newCourse()))
  const streamItems = async (total: number) =>
    itemsOf(usernames, await openCourses(Math.ceil(total / usernames.length)), total)
  const overHttp = (callers: number, url: () => Promise<string>) => async (total: number) => {
    const job = { door: 'http', url: await url(), apiKey, callers, courseId: await newCourse() } as const
    return () => load.run({ ...job, usernames: usernames.slice(0, total) })
  }
  const overSocket = (door: 'rpc' | 'orpc', socketPath: () => Promise<string>) => async (total: number) => {
    const job = { door, socketPath: await socketPath(), token, callers: 64, courseId: await newCourse() }
    return () => load.run({ ...job, usernames: usernames.slice(0, total) })
  }
  const ourUrl = async () => `${server.restUrl}/enrollment`
  const ourSocket = async () => server.socketPath

  const all: (Measure | undefined)[] = [
    ...byHand(world, hand, { kind: 'hand', callers: 1, share: 0.2 }),
    { name: 'caller-1', against: inVariants('hand', 1), share: 0.2, prepare: single(world, 1, throughCaller) },
    ...byHand(world, hand, { kind: 'hand', callers: 64 }),
    pgbench && {
      name: 'pgbench-64',
      against: inVariants('hand', 64),
      prepare: async (total) => {
        const courseId = await newCourse()
        return () => pgbench.enroll(total, courseId)
      },
    },
    { name: 'caller-64', against: inVariants('hand', 64), prepare: single(world, 64, throughCaller) },
    { name: 'core-64', against: inVariants('hand', 64), prepare: single(world, 64, throughCore) },
    { name: 'caller-overhead', prepare: async (total) => () => measureOverhead(total, wrapping) },
    { name: 'caller-overhead-1', share: 0.1, prepare: async (total) => () => measureOverheadAlone(total, wrapping) },
    ...byHand(world, hand, { kind: 'hand', callers: 1000 }),
    { name: 'caller-1000', against: inVariants('hand', 1000), prepare: single(world, 1000, throughCaller) },
    ...setsByHand(world, hand, 'unnest'),
    {
      name: 'enroll-many-1000',
      against: inVariants('unnest', 1000),
      prepare: thousands(world, enrollBatch),
      facts: async () => ({ statements: { 10: await statementsFor(10), 1000: await statementsFor(1000) } }),
    },
    {
      name: 'stream-100k',
      against: inVariants('unnest', 1000),
      rows: 100_000,
      prepare: async (total) => {
        const items = await streamItems(total)
        return () => closedLoop({ callers: 1, total: 1, rowsPerCall: total }, () => enrollAll(caller, items))
      },
      facts: async () => ({ heapGrowthMb: await heapOfStream(caller, await streamItems(30_000)) }),
    },
    { name: 'rest-64', against: inVariants('hand', 64), prepare: overHttp(64, ourUrl) },
    { name: 'rpc-socket-64', against: ['rest-64'], prepare: overSocket('rpc', ourSocket) },
    {
      name: 'orpc-socket-64',
      against: ['rpc-socket-64'],
      prepare: overSocket('orpc', async () => (await peers()).orpcSocketPath),
    },
    ...VARIANTS.map((variant) => ({
      name: inVariant('fastify-hand', variant, 256),
      prepare: overHttp(256, async () => (await peers()).handUrls[variant]),
    })),
    { name: 'rest-256', against: inVariants('fastify-hand', 256), prepare: overHttp(256, ourUrl) },
    {
      name: 'hand-capped-1',
      share: 0.05,
      prepare: async (total) => {
        const { pool } = await hand()
        return single(world, 1, (username, courseId) => handEnrollCapped(pool, username, courseId), CAPPED)(total)
      },
    },
    { name: 'capped-1', against: ['hand-capped-1'], share: 0.05, prepare: single(world, 1, throughCaller, CAPPED) },
  ]
  return all.filter((measure) => measure !== undefined)

  async function statementsFor(rows: number): Promise<number> {
    const counted = counting(db)
    const courseId = await newCourse()
    const [first, ...items] = usernames.slice(0, rows + 1).map((username) => ({ username, courseId }))
    const { enrollMany } = createCaller({ db: counted.db, actor }).enrollment
    // From then on the course run is known, as it is to all batches of the measure but the first.
    await enrollMany({ items: first === undefined ? [] : [first] })
    const before = counted.statements()
    await enrollMany({ items })
    return counted.statements() - before
  }
}
