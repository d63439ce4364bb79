import { expect, test } from 'vitest'
import { courseKeyOf } from '../../../core/course/key.ts'
import { createKnownCourses, type KnownCourse } from '../../../core/enrollment/known-courses.ts'

test('those that were needed last are kept', () => {
  const courses = createKnownCourses(3)
  for (const name of ['a', 'b', 'c']) courses.keep(known(name))
  expect(courses.get(keyOf('a'))).toEqual(known('a'))
  courses.keep(known('d'))
  expect(['a', 'b', 'c', 'd'].filter((name) => courses.get(keyOf(name)) !== undefined)).toEqual(['a', 'c', 'd'])
})

test('no more than two thousand are kept, whatever a process is asked for', () => {
  const courses = createKnownCourses()
  const names = Array.from({ length: 2_001 }, (_, index) => `n${index}`)
  for (const name of names) courses.keep(known(name))
  expect(names.filter((name) => courses.get(keyOf(name)) === undefined)).toEqual(['n0'])
})

test('what is kept again is as it was read last', () => {
  const courses = createKnownCourses(2)
  courses.keep(known('a'))
  courses.keep({ ...known('a'), revision: '2' })
  expect(courses.get(keyOf('a'))?.revision).toBe('2')
})

test('what is there no more is forgotten', () => {
  const courses = createKnownCourses()
  courses.keep(known('a'))
  courses.forget(keyOf('a'))
  expect(courses.get(keyOf('a'))).toBeUndefined()
})

test('one that is very long is read each time, also when it has become so', () => {
  const courses = createKnownCourses()
  courses.keep(known('a'))
  courses.keep({ ...known('a', 'x'.repeat(10_000)), revision: '2' })
  expect(courses.get(keyOf('a'))).toBeUndefined()
})

function keyOf(name: string): string {
  return `course-v1:Test+${name}+2026`
}

function known(name: string, displayName = name): KnownCourse {
  return {
    courseKey: courseKeyOf(keyOf(name)),
    course: {
      id: 1,
      courseId: keyOf(name),
      displayName,
      owner: 'here',
      start: null,
      end: null,
      enrollmentStart: null,
      enrollmentEnd: null,
      invitationOnly: false,
      maxEnrollments: null,
      selfPaced: false,
      modes: [],
      deprecatedKey: false,
    },
    revision: '1',
    mindsRoles: false,
    hasAllowances: false,
  }
}
