import { parseCourseKey } from '../../../core/course/key.ts'
import type { Mode } from '../../../core/course/mode.ts'
import type { EnrollmentState } from '../../../core/enrollment/command.ts'
import type { CourseFacts, Decision, Facts, LearnerFacts } from '../../../core/enrollment/decide.ts'

export const NOW = new Date('2026-03-01T12:00:00Z')
export const BEFORE = '2026-03-01T11:59:59Z'
export const AFTER = '2026-03-01T12:00:01Z'

export interface Situation {
  learner?: Partial<LearnerFacts>
  course?: Partial<CourseFacts>
  /** e.g. `active verified`. */
  enrollment?: string | EnrollmentState | null
  allowance?: Facts['allowance']
  seatsTaken?: number
}

/** Facts in which everything is in order: an open course run with seats, offering audit, honor and verified. */
export function facts({ learner, course, enrollment = null, allowance = null, seatsTaken = 0 }: Situation = {}): Facts {
  return {
    courseKey: parseCourseKey('course-v1:edX+DemoX+2026'),
    learner: { ...ALICE, ...learner },
    course: { ...OPEN_COURSE, ...course },
    enrollment: typeof enrollment === 'string' ? enrolled(enrollment) : enrollment,
    allowance,
    seatsTaken,
  }
}

/** An existing enrollment, e.g. `inactive audit`. */
export function enrolled(text: string): EnrollmentState {
  const [activation, mode = ''] = text.split(' ')
  return { version: 3, mode, isActive: activation === 'active', created: BEFORE, updated: BEFORE }
}

export function mode(slug: string, expires: string | null = null): Mode {
  return { ...PLAIN_MODE, slug, name: slug, expires }
}

/** A decision in words: `created active audit`, or `refused courseFull`. */
export function inWords(decision: Decision): string {
  if (!decision.ok) return `refused ${decision.error.code}`
  return `${decision.kind} ${decision.after.isActive ? 'active' : 'inactive'} ${decision.after.mode}`
}

const PLAIN_MODE = {
  minPrice: 0,
  suggestedPrices: '',
  currency: 'usd',
  description: null,
  sku: null,
  bulkSku: null,
}

const ALICE: LearnerFacts = {
  id: 1,
  userId: 7,
  username: 'alice',
  isActive: true,
  isStaff: false,
  isSuperuser: false,
  isCourseTeam: false,
  takesNoSeat: false,
}

const OPEN_COURSE: CourseFacts = {
  id: 2,
  owner: 'here',
  enrollmentStart: null,
  enrollmentEnd: null,
  invitationOnly: false,
  deprecatedKey: false,
  maxEnrollments: null,
  modes: [mode('audit'), mode('honor'), mode('verified')],
}
