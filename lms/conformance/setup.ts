import type { LineInput } from '../../core/import-export/lines.ts'
import { emailOf, type Names } from './names.ts'

type Line = { [T in 'user' | 'course' | 'mode' | 'role' | 'cohort' | 'enrollment' | 'retirement']: LineInput<T> }[
  | 'user'
  | 'course'
  | 'mode'
  | 'role'
  | 'cohort'
  | 'enrollment'
  | 'retirement']

export const OVER = '2020-01-01T00:00:00Z'

/** What the cases rely on, as lines of the import format (run.md 4). */
export function setupLines(names: Names): Line[] {
  return [...users(names), ...courses(names), ...modes(names), ...further(names)]
}

function users(names: Names): Line[] {
  const user = (username: string, flags: object = {}): Line => ({
    type: 'user',
    username,
    email: emailOf(username),
    ...flags,
  })
  const { learner, other, idle, invited, inactive, teacher, staff, superuser, worker, retiring, stuck } = names
  return [
    ...[learner, other, idle, invited, teacher, worker, retiring, stuck].map((username) => user(username)),
    user(inactive, { isActive: false }),
    user(staff, { isStaff: true }),
    user(superuser, { isSuperuser: true }),
  ]
}

function courses(names: Names): Line[] {
  const { open, second, empty, professional, verified, credit, expired } = names
  const plain = [open, second, empty, professional, verified, credit, expired]
  return [
    ...plain.map((courseId): Line => ({ type: 'course', courseId, displayName: 'Conformance' })),
    { type: 'course', courseId: names.closed, enrollmentEnd: OVER },
    { type: 'course', courseId: names.full, maxEnrollments: 0 },
    { type: 'course', courseId: names.invitation, invitationOnly: true },
    { type: 'course', courseId: names.future, enrollmentStart: '2999-01-01T00:00:00Z' },
    { type: 'course', courseId: names.bare },
    {
      type: 'course',
      courseId: names.detailed,
      displayName: 'Ünï "Details"',
      start: '2026-01-01T00:00:00Z',
      end: '2999-12-31T23:59:59.5Z',
      enrollmentStart: '2018-01-01T00:00:01.12Z',
      enrollmentEnd: '2999-06-01T02:00:00+02:00',
      selfPaced: true,
    },
  ]
}

function modes(names: Names): Line[] {
  const offered: [courseId: string, ...slugs: string[]][] = [
    [names.open, 'audit', 'honor', 'verified', 'credit'],
    [names.second, 'audit', 'verified'],
    [names.empty, 'audit'],
    [names.closed, 'audit', 'verified'],
    [names.full, 'audit', 'verified'],
    [names.invitation, 'audit', 'verified'],
    [names.future, 'audit'],
    [names.professional, 'professional'],
    [names.verified, 'verified'],
    [names.credit, 'credit'],
  ]
  return [
    ...offered.flatMap(([courseId, ...slugs]) => slugs.map((slug): Line => ({ type: 'mode', courseId, slug }))),
    ...[names.open, names.closed, names.expired].map((courseId): Line => ({
      type: 'mode',
      courseId,
      slug: 'masters',
      expires: OVER,
    })),
    { type: 'mode', courseId: names.detailed, slug: 'audit', name: 'Audit' },
    {
      type: 'mode',
      courseId: names.detailed,
      slug: 'verified',
      name: 'Verified',
      minPrice: 49,
      suggestedPrices: '49,99',
      currency: 'eur',
      expires: '2999-03-01T12:00:00.500001Z',
      description: 'With a certificate',
      sku: 'SKU123',
      bulkSku: 'BULK123',
    },
    { type: 'mode', courseId: names.detailed, slug: 'honor', name: 'Honor', expires: OVER },
  ]
}

function further(names: Names): Line[] {
  const org = /^course-v1:([^+]+)/.exec(names.open)?.[1] ?? ''
  return [
    { type: 'role', username: names.teacher, role: 'staff', org, courseId: names.open },
    ...['red', 'blue'].map((name): Line => ({ type: 'cohort', courseId: names.second, name })),
    ...[names.closed, names.full].map((courseId): Line => ({
      type: 'enrollment',
      username: names.other,
      courseId,
      mode: 'audit',
    })),
    { type: 'enrollment', username: names.learner, courseId: names.open, mode: 'audit' },
    { type: 'enrollment', username: names.other, courseId: names.detailed, mode: 'audit', created: OVER },
    { type: 'enrollment', username: names.teacher, courseId: names.detailed, mode: 'audit', created: OVER },
    { type: 'retirement', username: names.retiring, state: 'PENDING' },
    { type: 'retirement', username: names.stuck, state: 'COMPLETE' },
  ]
}
