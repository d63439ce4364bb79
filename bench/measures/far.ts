import { createCaller } from '../../routers/index.ts'
import { handEnrollCapped } from '../baselines.ts'
import { median, summarise, type Measurement } from '../load.ts'
import { byHand, CAPPED, inVariants, setsByHand, single, thousands } from './loops.ts'
import type { Measure } from './measure.ts'
import type { FarRig, Rig } from './rig.ts'

/** What two machines have: PostgreSQL a round trip of a millisecond away. Each measure and its baseline go the same way. */
export function farMeasures({ world, load, far }: Rig): Measure[] {
  const { usernames, newCourse } = world
  const hand = async () => (await far()).hand
  const callerOf = ({ db }: FarRig) => createCaller({ db, actor: { kind: 'service', name: 'bench' } })
  const throughCaller = async () => {
    const caller = callerOf(await far())
    return (username: string, courseId: string) => caller.enrollment.enroll({ username, courseId })
  }
  const cappedByHand = async () => {
    const { pool } = await hand()
    return (username: string, courseId: string) => handEnrollCapped(pool, username, courseId)
  }
  const lone = (call: () => Promise<EnrollOne>, limits = {}): Pick<Measure, 'prepare' | 'facts'> => ({
    prepare: async (total) => single(world, 1, await call(), limits)(total),
    facts: async () => ({ roundTrips: await roundTripsOf(await call(), await newCourse(limits)) }),
  })

  const measures: Measure[] = [
    {
      name: 'far-select-1',
      share: 0.1,
      prepare: async (total) => {
        const { pool } = await far()
        return () => distanceOf(world.pool, pool, total)
      },
    },
    ...byHand(world, hand, { kind: 'far-hand', callers: 1, share: 0.1 }),
    { name: 'far-caller-1', against: inVariants('far-hand', 1), share: 0.1, ...lone(throughCaller) },
    ...byHand(world, hand, { kind: 'far-hand', callers: 64 }),
    {
      name: 'far-caller-64',
      against: inVariants('far-hand', 64),
      prepare: async (total) => single(world, 64, await throughCaller())(total),
    },
    ...setsByHand(world, hand, 'far-unnest'),
    {
      name: 'far-enroll-many-1000',
      against: inVariants('far-unnest', 1000),
      prepare: async (total) => {
        const caller = callerOf(await far())
        return thousands(world, (batch, courseId) =>
          caller.enrollment.enrollMany({ items: batch.map((username) => ({ username, courseId })) }),
        )(total)
      },
    },
    {
      name: 'far-rest-64',
      against: inVariants('far-hand', 64),
      prepare: async (total) => {
        const { restUrl, apiKey } = (await far()).server
        const job = { door: 'http', url: `${restUrl}/enrollment`, apiKey, callers: 64 } as const
        const courseId = await newCourse()
        return () => load.run({ ...job, courseId, usernames: usernames.slice(0, total) })
      },
    },
    { name: 'far-hand-capped-1', share: 0.05, ...lone(cappedByHand, CAPPED) },
    { name: 'far-capped-1', against: ['far-hand-capped-1'], share: 0.05, ...lone(throughCaller, CAPPED) },
  ]
  return measures.map((measure) => ({ ...measure, beside: 'far-select-1' }))

  /** The middle one of some calls: now and then a pool opens or closes a connection beside. */
  async function roundTripsOf(call: EnrollOne, courseId: string): Promise<number> {
    const { flushes } = await far()
    const counts: number[] = []
    for (const username of usernames.slice(0, 21)) {
      const before = await flushes()
      await call(username, courseId)
      counts.push((await flushes()) - before)
    }
    return median(counts)
  }
}

type EnrollOne = (username: string, courseId: string) => Promise<unknown>

interface Queryable {
  query(text: string): Promise<unknown>
}

/** How much longer the far way really takes: the same statement on both in turn, the difference of the medians. */
async function distanceOf(near: Queryable, far: Queryable, total: number): Promise<Measurement> {
  const [nearly, farther] = [new Float64Array(total), new Float64Array(total)]
  for (let index = 0; index < total; index += 1) {
    nearly[index] = await timeOf(near)
    farther[index] = await timeOf(far)
  }
  const elapsed = farther.reduce((sum, latency) => sum + latency, 0)
  const { throughput, p50Ms, p99Ms } = summarise(farther, elapsed, 1)
  return { throughput, p50Ms, p99Ms, addedMs: p50Ms - median([...nearly]) }
}

async function timeOf(database: Queryable): Promise<number> {
  const started = performance.now()
  await database.query('select 1')
  return performance.now() - started
}
