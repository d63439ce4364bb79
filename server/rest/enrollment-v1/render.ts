import type { Kysely } from 'kysely'
import { parseCourseKey } from '../../../core/course/key.ts'
import { readCourses } from '../../../core/course/read.ts'
import type { DB } from '../../../core/database/schema.ts'
import type { Enrollment } from '../../../core/enrollment/command.ts'
import { wireCourse, wireEnrollment, type Offer, type WireCourse, type WireEnrollment } from './wire.ts'

/** Reads the courses of enrollments and puts both on the wire, in order. */
export async function renderEnrollments(
  db: Kysely<DB>,
  enrollments: readonly Enrollment[],
  offer: Omit<Offer, 'includeExpired'>,
): Promise<WireEnrollment[]> {
  const courses = await readCourses(
    db,
    enrollments.map(({ courseId }) => courseId),
  )
  return enrollments.map((enrollment) => wireEnrollment(enrollment, courses.get(enrollment.courseId), offer))
}

/** Reads a course run and puts it on the wire; null when there is none, or the text is no course key. */
export async function renderCourse(db: Kysely<DB>, courseId: string, offer: Offer): Promise<WireCourse | null> {
  const key = parseCourseKey(courseId)
  const course = key && (await readCourses(db, [key.stored])).get(key.stored)
  return course ? wireCourse(course, offer) : null
}
