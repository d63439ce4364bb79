import { describe, expect, test } from 'vitest'
import type { EnrollmentCommand } from '../../../core/enrollment/command.ts'
import { decide, type CourseFacts, type Facts } from '../../../core/enrollment/decide.ts'
import type { ErrorCode } from '../../../core/errors.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { changeCommand, enrollCommand, learnersPost, privilegedPost, replaceCommand } from '../../support/commands.ts'
import { BEFORE, NOW, enrolled, facts, inWords } from './situations.ts'

interface Case {
  command: EnrollmentCommand
  facts: Facts
}
type Fault = [code: ErrorCode, plant: (sound: Case) => Case]

/** The checks of adding in the order in which the first that fires wins (rpc §3.1, rest-v1 §3.2 rows 13 to 15f). */
const ADDING: Fault[] = [
  ['invalidAttribute', asking({ attributes: [{ namespace: 'order', name: 'number' }] })],
  ['invalidCourseKey', knowing({ courseKey: null, course: null })],
  ['learnerNotFound', knowing({ learner: null })],
  ['courseNotFound', knowing({ course: null })],
  ['ownedByLms', withCourse({ owner: 'lms' })],
  ['modeUnavailable', asking({ mode: 'masters' })],
  ['enrollmentClosed', withCourse({ invitationOnly: true })],
  ['courseFull', withCourse({ maxEnrollments: 0 })],
]

/** The checks of changing (rest-v1 §3.2 rows 15a to 15c). */
const CHANGING: Fault[] = [
  ['invalidAttribute', asking({ attributes: [{ namespace: 'order', name: 'number' }] })],
  ['invalidCourseKey', knowing({ courseKey: null, course: null })],
  ['learnerNotFound', knowing({ learner: null })],
  ['courseNotFound', knowing({ course: null })],
  ['notEnrolled', knowing({ enrollment: null })],
  ['versionConflict', asking({ expectedVersion: 2 })],
  ['modeMismatch', asking({ mode: 'credit', isActive: false })],
  ['missingAttributes', asking({ mode: 'credit', attributes: [{ namespace: 'a', name: 'b', value: 'c' }] })],
  ['modeUnavailable', asking({ mode: 'credit' })],
]

describe('of two faults the earlier one is told', () => {
  test.each([
    ...pairs('keep', enrollCommand(), null, ADDING),
    ...pairs('update', replaceCommand(), null, ADDING),
    ...pairs('reactivating', enrollCommand(), 'inactive audit', ADDING),
    ...pairs('the legacy door', learnersPost(), null, ADDING),
    ...pairs('the legacy door, privileged', privilegedPost(), null, ADDING),
    ...pairs('change', changeCommand({ mode: 'verified' }), 'active audit', CHANGING),
  ])('$door: $first before $second', ({ sound, first, plantBoth }) => {
    expect(decide(sound.command, sound.facts, defaultPolicy, NOW)).toMatchObject({ ok: true })
    const { command, facts: planted } = plantBoth(sound)
    expect(inWords(decide(command, planted, defaultPolicy, NOW))).toBe(`refused ${first}`)
  })
})

describe('an active enrollment', () => {
  const closedAndFull = { course: { enrollmentEnd: BEFORE, maxEnrollments: 0 }, enrollment: 'active audit' }

  test('answers the typed door before window and capacity, so that a repeat never fails', () => {
    expect(decidedIn(closedAndFull, enrollCommand())).toBe('unchanged active audit')
  })

  test('answers the legacy door only after window and capacity', () => {
    expect(decidedIn(closedAndFull, learnersPost())).toBe('refused enrollmentClosed')
    expect(decidedIn({ ...closedAndFull, course: { maxEnrollments: 0 } }, learnersPost())).toBe('refused courseFull')
    expect(decidedIn({ enrollment: 'active audit' }, learnersPost())).toBe('unchanged active audit')
  })

  test('answers after the mode has been looked at, at both doors', () => {
    expect(decidedIn({ enrollment: 'active audit' }, enrollCommand({ mode: 'masters' }))).toBe(
      'refused modeUnavailable',
    )
    expect(decidedIn({ enrollment: 'active audit' }, learnersPost({ mode: 'masters' }))).toBe('refused modeUnavailable')
  })
})

function decidedIn(situation: Parameters<typeof facts>[0], command: EnrollmentCommand): string {
  return inWords(decide(command, facts(situation), defaultPolicy, NOW))
}

/** Every two faults of a list, planted together, the later one first: what they share is as the earlier one wants it. */
function pairs(door: string, command: EnrollmentCommand, enrollment: string | null, faults: Fault[]) {
  const sound: Case = { command, facts: facts({ enrollment: enrollment && enrolled(enrollment) }) }
  return faults.flatMap(([first, plantFirst], position) =>
    faults.slice(position + 1).map(([second, plantSecond]) => ({
      door,
      sound,
      first,
      second,
      plantBoth: (planted: Case) => plantFirst(plantSecond(planted)),
    })),
  )
}

function asking(wish: Partial<EnrollmentCommand>): Fault[1] {
  return ({ command, facts: known }) => ({ command: { ...command, ...wish }, facts: known })
}

function knowing(fact: Partial<Facts>): Fault[1] {
  return ({ command, facts: known }) => ({ command, facts: { ...known, ...fact } })
}

function withCourse(fact: Partial<CourseFacts>): Fault[1] {
  return ({ command, facts: known }) => ({
    command,
    facts: { ...known, course: known.course && { ...known.course, ...fact } },
  })
}
