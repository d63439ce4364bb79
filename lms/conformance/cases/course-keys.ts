import { enroll, one, says } from '../build.ts'
import type { Case } from '../case.ts'
import { NOBODY } from '../names.ts'

const VALID = [
  'course-v1:edX+DemoX+2014',
  'edX/DemoX/2014',
  'course-v1:edX+Demo.X~1-2:3+2014',
  'course-v1:é+ü+ñ',
  'a/b/c.d',
  'a/b%20/c',
  'a/b/',
  'course-v1:edX+DemoX+2014+branch@draft',
  'library-v1:edX+DemoX',
]

const INVALID = [
  'invalidcourse',
  'a+b+c',
  'course-v1:edX+DemoX',
  'course-v1:edX+DemoX+',
  'course-v1:edX+DemoX+2014+more',
  'course-v1:edX+Demo X+2014',
  ' course-v1:edX+DemoX+2014',
  'course-v1:edX+DemoX+2014\n',
  'course-v1:edX+DemoX+20%14',
  'COURSE-V1:edX+DemoX+2014',
  'a//c',
  'a/b/c/d',
  'course-v1:a/b/c',
]

/**
 * §1.2: which texts are course keys. Rows 2 and 6 of §3.2 tell it without a course run and without an account: one that is none is
 * refused before the account is looked for.
 */
export function courseKeyCases(): Case[] {
  return [
    ...VALID.map((key) =>
      one('1.2', `${JSON.stringify(key)} is a course key`, [
        'key',
        enroll(key, { user: NOBODY }),
        says(406, `The user ${NOBODY} does not exist.`),
      ]),
    ),
    ...INVALID.map((key) =>
      one('1.2', `${JSON.stringify(key)} is none`, [
        'key',
        enroll(key, { user: NOBODY }),
        says(400, `No course '${key}' found for enrollment`),
      ]),
    ),
  ]
}
