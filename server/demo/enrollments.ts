import type { LineInput } from '../../core/import-export/lines.ts'
import { learners } from './accounts.ts'
import { days } from './days.ts'

type EnrollmentLine = LineInput<'enrollment'>

/** Who is in a course run: every so many-th learner, from a first one on, since so many days. */
interface Share {
  readonly courseId: string
  readonly first: number
  readonly every: number
  readonly sinceDays: number
  /** Taken in turn. */
  readonly modes: readonly string[]
}

// The first two learners, alice and bob, stay out of the demonstration course: it is what a newcomer tries first.
const SHARES: readonly Share[] = [
  {
    courseId: 'course-v1:edX+DemoX+2026',
    first: 2,
    every: 2,
    sinceDays: 55,
    modes: ['audit', 'audit', 'verified', 'honor'],
  },
  { courseId: 'course-v1:LindenU+HIST201+Spring', first: 3, every: 4, sinceDays: 50, modes: ['audit', 'verified'] },
  {
    courseId: 'course-v1:NorthbayX+PY101+R3',
    first: 0,
    every: 3,
    sinceDays: 28,
    modes: ['audit', 'audit', 'verified'],
  },
  { courseId: 'course-v1:OpenHarbor+LANG110+Always', first: 4, every: 5, sinceDays: 280, modes: ['audit', 'honor'] },
  { courseId: 'course-v1:OpenHarbor+ORIENT+Always', first: 5, every: 6, sinceDays: 390, modes: ['audit'] },
  { courseId: 'edX/DemoX/Demo_Course', first: 6, every: 9, sinceDays: 1900, modes: ['honor'] },
  {
    courseId: 'course-v1:LindenU+HIST201+Autumn',
    first: 1,
    every: 4,
    sinceDays: 250,
    modes: ['audit', 'verified', 'audit'],
  },
  { courseId: 'course-v1:LindenU+ART115+Spring', first: 7, every: 7, sinceDays: 44, modes: ['audit', 'verified'] },
  {
    courseId: 'course-v1:NorthbayX+CLOUD900+Pro',
    first: 8,
    every: 11,
    sinceDays: 5,
    modes: ['professional', 'no-id-professional'],
  },
  {
    courseId: 'course-v1:TidewaterTech+MATH240+Credit',
    first: 9,
    every: 8,
    sinceDays: 75,
    modes: ['verified', 'credit', 'audit'],
  },
]

/** The enrollments of the demo catalogue; one in nine has been given up. */
export function enrollments(now: Date): EnrollmentLine[] {
  const usernames = learners().map(({ username }) => username)
  return [...SHARES.flatMap((share) => sharesOf(share, usernames, now)), ...workshop(usernames, now), ...invited(now)]
}

function sharesOf({ courseId, first, every, sinceDays, modes }: Share, usernames: readonly string[], now: Date) {
  const members = usernames.filter((_, index) => index >= first && (index - first) % every === 0)
  return members.map((username, index): EnrollmentLine => {
    const mode = modes[index % modes.length] ?? 'audit'
    return {
      type: 'enrollment',
      username,
      courseId,
      mode,
      isActive: index % 9 !== 8,
      created: days(now, -Math.ceil(sinceDays * (1 - index / members.length))),
      ...(mode === 'credit' && { attributes: [{ namespace: 'credit', name: 'provider_id', value: 'tidewater' }] }),
    }
  })
}

/** All eight seats of the workshop, and one person who has given up theirs. */
function workshop(usernames: readonly string[], now: Date): EnrollmentLine[] {
  return usernames.slice(10, 19).map((username, index) => ({
    type: 'enrollment',
    username,
    courseId: 'course-v1:TidewaterTech+ROBO120+Workshop',
    mode: index % 3 === 2 ? 'verified' : 'audit',
    isActive: index < 8,
    created: days(now, -20 + index),
  }))
}

function invited(now: Date): EnrollmentLine[] {
  return ['amara_okafor', 'leila_haddad'].map((username, index) => ({
    type: 'enrollment',
    username,
    courseId: 'course-v1:OpenHarbor+TEACH500+Invited',
    mode: 'audit',
    created: days(now, -5 + index),
  }))
}
