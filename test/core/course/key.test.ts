import { describe, expect, test } from 'vitest'
import { courseKeyOf, parseCourseKey } from '../../../core/course/key.ts'
import { EnrollmentError } from '../../../core/errors.ts'
import { growsLinearly } from '../../support/growth.ts'

describe('a course key (rest-v1 §1.2)', () => {
  test.each([
    ['course-v1:edX+DemoX+2014', 'edX', 'DemoX', '2014'],
    ['course-v1:edX+Demo.X~1-2:3+2014', 'edX', 'Demo.X~1-2:3', '2014'],
    ['course-v1:é+ü+ñ', 'é', 'ü', 'ñ'],
    ['course-v1:数学+入門+2026', '数学', '入門', '2026'],
    ['course-v1:a_b+c_d+e_f', 'a_b', 'c_d', 'e_f'],
    ['course-v1:²+Ⅳ+①', '²', 'Ⅳ', '①'],
  ])('%s names organisation, course and run', (text, org, course, run) => {
    expect(parseCourseKey(text)).toEqual({ text, stored: text, org, course, run, deprecated: false })
  })

  test.each([
    ['edX/DemoX/2014', 'edX', 'DemoX', '2014'],
    ['a/b/c.d', 'a', 'b', 'c.d'],
    ['a/b%20/c', 'a', 'b%20', 'c'],
    ['a/b/', 'a', 'b', ''],
    ['é/ü/ñ', 'é', 'ü', 'ñ'],
  ])('%s is of the old style', (text, org, course, run) => {
    expect(parseCourseKey(text)).toEqual({ text, stored: text, org, course, run, deprecated: true })
  })

  test.each([
    ['course-v1:edX+DemoX+2014+branch@draft', 'course-v1:edX+DemoX+2014'],
    ['course-v1:edX+DemoX+2014+version@519665f6223ebd6980884f2b', 'course-v1:edX+DemoX+2014'],
    ['course-v1:edX+DemoX+2014+branch@draft+version@519665f6223ebd6980884f2b', 'course-v1:edX+DemoX+2014'],
    ['library-v1:edX+Lib', 'library-v1:edX+Lib'],
    ['library-v1:edX+Lib+branch@library', 'library-v1:edX+Lib'],
    ['ccx-v1:edX+DemoX+2014+ccx@7', 'ccx-v1:edX+DemoX+2014+ccx@7'],
    ['ccx-v1:edX+DemoX+2014+branch@draft+ccx@7', 'ccx-v1:edX+DemoX+2014+ccx@7'],
  ])('%s is stored as %s', (text, stored) => {
    expect(parseCourseKey(text)).toMatchObject({ text, stored, deprecated: false })
  })

  test.each([
    [''],
    [' '],
    ['invalidcourse'],
    ['a+b+c'],
    ['course-v1:edX+DemoX'],
    ['course-v1:edX+DemoX+'],
    ['course-v1:edX++2014'],
    ['course-v1:+DemoX+2014'],
    ['course-v1:edX+DemoX+2014+'],
    ['course-v1:edX+DemoX+2014+fourth'],
    ['course-v1:edX+DemoX+2014+version@519665f6223ebd6980884f2b+branch@draft'],
    ['course-v1:edX+DemoX+2014+version@519665'],
    ['course-v1:edX+DemoX+2014+branch@'],
    ['course-v1:version@519665f6223ebd6980884f2b'],
    ['course-v1:edX+Demo X+2014'],
    [' course-v1:edX+DemoX+2014'],
    ['course-v1:edX+DemoX+2014 '],
    ['course-v1:edX+DemoX+2014\n'],
    ['course-v1:edX+Demo%20X+2014'],
    ['COURSE-V1:edX+DemoX+2014'],
    ['course-v1:a/b/c'],
    ['course-v2:edX+DemoX+2014'],
    ['a//c'],
    ['/b/c'],
    ['a/b'],
    ['a/b/c/d'],
    ['a/b/c\n'],
    ['a/b~/c'],
    ['a b/c/d'],
    ['course-v1:edX+Demo\0X+2014'],
    ['course-v1:edX+Demo\ud800+2014'],
  ])('%j is none', (text) => {
    expect(parseCourseKey(text)).toBeNull()
  })

  test.each(['a', 'a+', 'a/', 'a.', '+', ':'])(
    'of any number of %j is read in a time that grows with it alone',
    (part) => {
      for (const [before, after] of [
        ['', ''],
        ['course-v1:', ''],
        ['course-v1:', ' '],
      ]) {
        expect(growsLinearly(parseCourseKey, (length) => `${before}${part.repeat(length)}${after}`, 12_500)).toBe(true)
      }
    },
  )
})

test('a text that is no key is refused with the text', () => {
  expect(courseKeyOf('a/b/c').stored).toBe('a/b/c')
  const refused = () => courseKeyOf('invalidcourse')
  expect(refused).toThrow(EnrollmentError)
  expect(refused).toThrow(expect.objectContaining({ code: 'invalidCourseKey', details: { courseId: 'invalidcourse' } }))
})
