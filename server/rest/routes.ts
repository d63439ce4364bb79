import { bulkEnrollView } from './bulk-enroll-v1/bulk-enroll.ts'
import { decodePath } from './django/percent.ts'
import { courseView } from './enrollment-v1/course.ts'
import { allowancesView } from './enrollment-v1/enrollment-allowed.ts'
import { enrollmentListView } from './enrollment-v1/enrollment-list.ts'
import { enrollmentView } from './enrollment-v1/enrollment.ts'
import { enrollmentPagesView } from './enrollment-v1/enrollments.ts'
import { rolesView } from './enrollment-v1/roles.ts'
import { unenrollView } from './enrollment-v1/unenroll.ts'
import type { View } from './view.ts'

/** Where the Enrollment API is mounted. */
export const BASE_PATH = '/api/enrollment/v1/'

/** Where the one route of the bulk enrollment API is; a slash may follow (rest-v1 §1.1). */
export const BULK_ENROLL_PATH = '/api/bulk_enroll/v1/bulk_enroll'

/** A route with what the path says. */
export type RouteMatch =
  | { readonly route: 'enrollment'; readonly username: string | null; readonly courseId: string }
  | { readonly route: 'enrollmentList' }
  | { readonly route: 'course'; readonly courseId: string }
  | { readonly route: FixedRoute }

type FixedRoute = 'enrollmentPages' | 'unenroll' | 'roles' | 'allowances' | 'bulkEnroll'

/**
 * Finds the route of a path (rest-v1 §1.1). Not left to the router, which knows no comma between parameters and lets no
 * `/` into one: here `+` and `/` both part a course key, encoded or not.
 *
 * @param path as it was sent, percent-encoded and without its query.
 * @returns null where there is nothing: 404. `slashMissing`: there would be something if the path ended in a slash.
 */
export function findRoute(path: string): RouteMatch | 'slashMissing' | null {
  const decoded = decodePath(pathOf(path))
  if (decoded === BULK_ENROLL_PATH || decoded === `${BULK_ENROLL_PATH}/`) return { route: 'bulkEnroll' }
  if (!decoded.startsWith(BASE_PATH)) return null
  const rest = decoded.slice(BASE_PATH.length)
  if (rest === 'enrollment') return { route: 'enrollmentList' }
  const route = FIXED.get(rest)
  if (route !== undefined) return { route }
  if (FIXED.has(`${rest}/`)) return 'slashMissing'
  return matchEnrollment(rest) ?? matchCourse(rest)
}

/** What the views know of the site's settings. */
export interface ViewSettings {
  /** May end the enrollments of those who want to be forgotten. */
  readonly retirementServiceUsername: string
}

/** The view of a route. */
export function viewOf(match: RouteMatch, { retirementServiceUsername }: ViewSettings): View {
  if (match.route === 'enrollment') return enrollmentView(match)
  if (match.route === 'course') return courseView(match.courseId)
  return match.route === 'unenroll' ? unenrollView(retirementServiceUsername) : VIEWS[match.route]
}

const VIEWS = {
  enrollmentList: enrollmentListView,
  enrollmentPages: enrollmentPagesView,
  roles: rolesView,
  allowances: allowancesView,
  bulkEnroll: bulkEnrollView,
}

/** The path of an address, which may be absolute. */
export function pathOf(address: string): string {
  return address.replace(ORIGIN, '')
}

/** Where the slash at the end is required, and where it may be there or not. */
const FIXED: ReadonlyMap<string, FixedRoute> = new Map([
  ['enrollments', 'enrollmentPages'],
  ['enrollments/', 'enrollmentPages'],
  ['unenroll/', 'unenroll'],
  ['roles/', 'roles'],
  ['enrollment_allowed/', 'allowances'],
])

/** What a request to a proxy begins with; HTTP allows it for any server. */
const ORIGIN = /^https?:\/\/[^/]*/i

// Python's `\w`: letters and numbers of every script, and the underscore.
const USERNAME = String.raw`[\p{L}\p{N}_ .@+\-]+`
const COURSE = '[^/+]+[/+][^/+]+[/+][^/?]+'

const ENROLLMENT_OF_USER = new RegExp(`^enrollment/(${USERNAME}),(${COURSE})$`, 'u')
const OWN_ENROLLMENT = new RegExp(`^enrollment/(${COURSE})$`, 'u')
const COURSE_DETAILS = new RegExp(`^course/(${COURSE})$`, 'u')

/** What is no username before the comma belongs to the course id. */
function matchEnrollment(rest: string): RouteMatch | null {
  const [, username, courseOfUser] = ENROLLMENT_OF_USER.exec(rest) ?? []
  if (username !== undefined && courseOfUser !== undefined) {
    return { route: 'enrollment', username, courseId: courseOfUser }
  }
  const [, courseId] = OWN_ENROLLMENT.exec(rest) ?? []
  return courseId === undefined ? null : { route: 'enrollment', username: null, courseId }
}

function matchCourse(rest: string): RouteMatch | null {
  const [, courseId] = COURSE_DETAILS.exec(rest) ?? []
  return courseId === undefined ? null : { route: 'course', courseId }
}

/**
 * The address under which the router finds the route of a URL. The router refuses broken percent-encoding before any
 * route sees it; here it counts as the text that it is, and {@link findRoute} reads the address as it was sent.
 */
export function routableUrl(url: string): string {
  if (!url.includes('%')) return url
  const [path = ''] = url.split('?', 1)
  try {
    decodeURI(path)
    return url
  } catch {
    return path.replaceAll('%', '%25') + url.slice(path.length)
  }
}
