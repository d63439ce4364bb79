import { allowancesView } from './enrollment-allowed.ts'
import { bulkEnrollView } from './bulk-enroll.ts'
import { courseView } from './course.ts'
import { enrollmentListView } from './enrollment-list.ts'
import { enrollmentPagesView } from './enrollments.ts'
import { enrollmentView } from './enrollment.ts'
import type { Place } from './path.ts'
import { rolesView } from './roles.ts'
import { unenrollView } from './unenroll.ts'
import type { View } from '../django/view.ts'

/** What the views know of the site's settings. */
export interface ViewSettings {
  /** May end the enrollments of those who want to be forgotten. */
  readonly retirementServiceUsername: string
}

/** The view of a place. */
export function viewAt(place: Place, { retirementServiceUsername }: ViewSettings): View {
  if (place.route === 'enrollment') return enrollmentView(place)
  if (place.route === 'course') return courseView(place.courseId)
  return place.route === 'unenroll' ? unenrollView(retirementServiceUsername) : fixedViews[place.route]
}

const fixedViews = {
  enrollmentList: enrollmentListView,
  enrollmentPages: enrollmentPagesView,
  roles: rolesView,
  allowances: allowancesView,
  bulkEnroll: bulkEnrollView,
}
