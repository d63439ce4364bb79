import { createCaller, enrollmentErrorFrom } from '../../routers/index.ts'
import { handEnrollSet } from '../baselines.ts'
import { closedLoop } from '../load.ts'
import { inVariants, single } from './loops.ts'
import type { Measure } from './measure.ts'
import type { Rig } from './rig.ts'

/** What 64 callers ask for beside new enrollments in one open course run: an answer that is fast there may be slow here. */
export function mixedMeasures({ world }: Rig): Measure[] {
  const { db, pool, usernames, newCourse } = world
  const { enrollment } = createCaller({ db, actor: { kind: 'service', name: 'bench' } })
  const enroll = (username: string, courseId: string) => enrollment.enroll({ username, courseId })
  const courseOfMany = courseFinder(newCourse)

  /** Learners of which some are enrolled already, spread evenly. */
  const repeats =
    (isRepeat: (index: number) => boolean): Measure['prepare'] =>
    async (total) => {
      const courseId = await newCourse()
      const enrolled = usernames.slice(0, total).filter((_, index) => isRepeat(index))
      await handEnrollSet(pool, enrolled, courseId)
      return () =>
        closedLoop({ callers: 64, total }, async (index) => {
          const { kind } = await enroll(usernames[index] ?? '', courseId)
          if ((kind === 'unchanged') !== isRepeat(index)) throw new Error(`${usernames[index]}: ${kind}`)
        })
    }
  const refused = async (username: string, courseId: string) => {
    const error: unknown = await enroll(username, courseId).catch((thrown: unknown) => thrown)
    if (enrollmentErrorFrom(error)?.code !== 'enrollmentClosed') throw new Error(`${username} was not refused`)
  }
  const windowed = { enrollmentStart: -1, enrollmentEnd: 1 }
  const closed = { enrollmentStart: -2, enrollmentEnd: -1 }
  return [
    { name: 'repeats-64', prepare: repeats((index) => index % 10 !== 0) },
    { name: 'tenth-repeats-64', against: inVariants('hand', 64), prepare: repeats((index) => index % 10 === 0) },
    {
      name: 'courses-500-64',
      against: inVariants('hand', 64),
      prepare: async (total) => {
        const courseOf = await courseOfMany()
        return () => closedLoop({ callers: 64, total }, (index) => enroll(usernames[index] ?? '', courseOf(index)))
      },
    },
    { name: 'windowed-64', against: inVariants('hand', 64), prepare: single(world, 64, enroll, windowed) },
    { name: 'closed-64', prepare: single(world, 64, refused, closed) },
  ]
}

/**
 * Opens 500 course runs once, and afterwards only shifts who is enrolled in which: a table that grew by 500 in each round
 * would change what others measure.
 */
function courseFinder(newCourse: () => Promise<string>): () => Promise<(index: number) => string> {
  let opened: Promise<string[]> | undefined
  let passes = 0
  return async () => {
    opened ??= Promise.all(Array.from({ length: COURSES }, () => newCourse()))
    const courses = await opened
    const pass = passes
    passes += 1
    if (pass >= COURSES) throw new RangeError('Everybody is enrolled everywhere')
    return (index) => courses[(index + pass) % COURSES] ?? ''
  }
}

const COURSES = 500
