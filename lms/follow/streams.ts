/** What is followed of an LMS, each for itself, by the names of `/readyz` and of `lms status` (adoption.md §4). */
export const STREAMS = [
  'accounts',
  'course-runs',
  'modes',
  'cohorts',
  'roles',
  'allowances',
  'cohort-members',
  'retirements',
  'enrollments',
  'comparison',
] as const

export type StreamName = (typeof STREAMS)[number]
