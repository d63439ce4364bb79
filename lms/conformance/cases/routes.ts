import { NO_CREDENTIALS, NOT_FOUND, one, get, send } from '../build.ts'
import type { Case, Expected } from '../case.ts'

const READ_ONLY = 'GET, HEAD, OPTIONS'

/** Who may use a path is another matter: nobody is signed in, so that a 401 shows that there is a route. */
function found(allow: string): Expected {
  return { ...NO_CREDENTIALS, headers: { ...NO_CREDENTIALS.headers, allow } }
}

const ENROLLMENT = found(READ_ONLY)

const PATHS: readonly (readonly [path: string, expected: Expected])[] = [
  ['/enrollment', found('GET, POST, HEAD, OPTIONS')],
  ['/%65nrollment', found('GET, POST, HEAD, OPTIONS')],
  ['/enrollment/', NOT_FOUND],
  ['/enrollment//', NOT_FOUND],
  ['/ENROLLMENT', NOT_FOUND],
  ['/enrollment%2F', NOT_FOUND],
  ['/unknown', NOT_FOUND],
  ['/', NOT_FOUND],
  ['/enrollment/course-v1:edX+DemoX+2014', ENROLLMENT],
  ['/enrollment/course-v1:edX%2BDemoX%2B2014', ENROLLMENT],
  ['/enrollment/course-v1%3AedX%2BDemoX%2b2014', ENROLLMENT],
  ['/enrollment/course-v1:edX+DemoX+2014/', NOT_FOUND],
  ['/enrollment/course-v1:edX+DemoX+2014%2F', NOT_FOUND],
  ['/enrollment/course-v1:edX%20DemoX%202014', NOT_FOUND],
  ['/enrollment/course-v1:edX+DemoX+2014+branch@draft', ENROLLMENT],
  ['/enrollment/course-v1:%C3%A9+%C3%BC+%C3%B1', ENROLLMENT],
  ['/enrollment/edX/DemoX/2014', ENROLLMENT],
  ['/enrollment/edX%2FDemoX%2F2014', ENROLLMENT],
  ['/enrollment/edX/DemoX/2014/', NOT_FOUND],
  ['/enrollment/edX/DemoX/2014/more', NOT_FOUND],
  ['/enrollment/edX//2014', NOT_FOUND],
  ['/enrollment/a+b+c', ENROLLMENT],
  ['/enrollment/a/b+c', ENROLLMENT],
  ['/enrollment/a+b+c+d', ENROLLMENT],
  ['/enrollment/a+b', NOT_FOUND],
  ['/enrollment/nokey', NOT_FOUND],
  ['/enrollment/a+b+', NOT_FOUND],
  ['/enrollment/a++c', NOT_FOUND],
  ['/enrollment/bob,course-v1:edX+DemoX+2014', ENROLLMENT],
  ['/enrollment/bob%2Ccourse-v1:edX+DemoX+2014', ENROLLMENT],
  ['/enrollment/bob,edX/DemoX/2014', ENROLLMENT],
  ['/enrollment/bob%20smith,a+b+c', ENROLLMENT],
  ['/enrollment/bob+smith,a+b+c', ENROLLMENT],
  ['/enrollment/b.o-b_@x,a+b+c', ENROLLMENT],
  ['/enrollment/jos%C3%A9,a+b+c', ENROLLMENT],
  ['/enrollment/bob,x,a+b+c', ENROLLMENT],
  ['/enrollment/b!b,a+b+c', ENROLLMENT],
  ['/enrollment/bob,', NOT_FOUND],
  ['/enrollment/bob,nokey', NOT_FOUND],
  ['/enrollment/bob,a+b', NOT_FOUND],
  ['/enrollment/bob,a+b+c/', NOT_FOUND],
  ['/course/edX/DemoX/2014/', NOT_FOUND],
  ['/course/a+b', NOT_FOUND],
  ['/course/', NOT_FOUND],
  ['/course', NOT_FOUND],
  ['/courses/a+b+c', NOT_FOUND],
  ['/enrollments//', NOT_FOUND],
  ['/enrollments/a+b+c', NOT_FOUND],
  ['/unenroll//', NOT_FOUND],
  ['/unenroll/', found('POST, OPTIONS')],
  ['/roles/', found(READ_ONLY)],
  ['/roles/x', NOT_FOUND],
  ['/enrollment_allowed/', found('GET, POST, DELETE, HEAD, OPTIONS')],
  ['/bulk_enroll', NOT_FOUND],
  ['/api/bulk_enroll/v1/bulk_enroll', found('POST, OPTIONS')],
  ['/api/bulk_enroll/v1/bulk_enroll/', found('POST, OPTIONS')],
  ['/api/bulk_enroll/v1/', NOT_FOUND],
]

/** §1.1: which paths there are, and the slash at their end. */
export function routeCases(): Case[] {
  return [
    ...PATHS.map(([path, expected]) => one('1.1', `GET ${path}`, ['anonymous', get(path), expected], { known: 'D13' })),
    ...['roles', 'unenroll', 'enrollment_allowed'].flatMap((name) =>
      ['GET', 'HEAD', 'OPTIONS', 'POST', 'DELETE'].map((method) =>
        one('1.1', `${method} /${name} without its slash is sent there`, [
          'anonymous',
          send(method, `/${name}?x=a%2Bb`),
          { status: 301, headers: { location: new RegExp(`/api/enrollment/v1/${name}/\\?x=a%2Bb$`) } },
        ]),
      ),
    ),
  ]
}
