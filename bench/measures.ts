import { enroll } from '../core/enrollment/enroll.ts'
import { plainCommand } from '../core/enrollment/command.ts'
import { defaultPolicy } from '../core/policy.ts'
import { createCaller, enrollStream } from '../routers/index.ts'
import { handEnroll, handEnrollSet } from './baselines.ts'
import { closedLoop, type Measurement } from './load.ts'
import type { Doors } from './doors.ts'
import type { World } from './world.ts'

/** One line of the benchmark. */
export interface Measure {
  readonly name: string
  /** The baseline of the same run. */
  readonly against?: string
  /** Share of the calls of a round, where a call is slow or makes many rows. */
  readonly share?: number
  run(total: number): Promise<Measurement>
}

const actor = { kind: 'service', name: 'bench' } as const

/** All measures, in the order in which each round runs them. */
export function createMeasures(world: World, doors: Doors): Measure[] {
  const { db, pool, usernames, newCourse } = world
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
  const hand = (username: string, courseId: string) => handEnroll(pool, username, courseId)
  const throughCaller = (username: string, courseId: string) => caller.enrollment.enroll({ username, courseId })
  const throughCore = (username: string, courseId: string) =>
    enroll(
      db,
      { ...plainCommand, learner: { username }, courseId, path: 'enroll', isActive: true },
      { actor, via: 'caller', now: new Date() },
      defaultPolicy,
    )
  const overHttp = (callers: number, url: string) => async (total: number) =>
    doors.load({
      door: 'http',
      url,
      apiKey: doors.apiKey,
      callers,
      usernames: usernames.slice(0, total),
      courseId: await newCourse(),
    })
  const overSocket = (callers: number) => async (total: number) =>
    doors.load({
      door: 'rpc',
      socketPath: doors.socketPath,
      token: doors.token,
      callers,
      usernames: usernames.slice(0, total),
      courseId: await newCourse(),
    })

  return [
    { name: 'hand-1', share: 0.2, run: single(1, hand) },
    { name: 'caller-1', against: 'hand-1', share: 0.2, run: single(1, throughCaller) },
    { name: 'hand-64', run: single(64, hand) },
    { name: 'caller-64', against: 'hand-64', run: single(64, throughCaller) },
    { name: 'core-64', against: 'hand-64', run: single(64, throughCore) },
    { name: 'hand-1000', run: single(1000, hand) },
    { name: 'caller-1000', against: 'hand-1000', run: single(1000, throughCaller) },
    { name: 'unnest-1000', run: thousands((batch, courseId) => handEnrollSet(pool, batch, courseId)) },
    {
      name: 'enroll-many-1000',
      against: 'unnest-1000',
      run: thousands((batch, courseId) =>
        caller.enrollment.enrollMany({ items: batch.map((username) => ({ username, courseId })) }),
      ),
    },
    {
      name: 'stream-100k',
      against: 'unnest-1000',
      run: async (total) => {
        const courseIds = await Promise.all(Array.from({ length: Math.ceil(100_000 / total) }, newCourse))
        return closedLoop({ callers: 1, total: 1, rowsPerCall: courseIds.length * total }, async () => {
          const items = courseIds.flatMap((courseId) =>
            usernames.slice(0, total).map((username) => ({ username, courseId })),
          )
          for await (const result of enrollStream(caller, items)) if (!result.ok) throw new Error(result.error.message)
        })
      },
    },
    { name: 'rest-64', against: 'hand-64', run: overHttp(64, doors.restUrl) },
    { name: 'rpc-socket-64', against: 'rest-64', run: overSocket(64) },
    { name: 'fastify-hand-256', run: overHttp(256, doors.handUrl) },
    { name: 'rest-256', against: 'fastify-hand-256', run: overHttp(256, doors.restUrl) },
  ]
}
