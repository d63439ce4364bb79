import * as z from 'zod'
import { form, one, postTo, says, send, several, step } from '../build.ts'
import type { Case } from '../case.ts'
import { NOBODY, type Names } from '../names.ts'

const NO_USERNAME = { status: 404, text: '"Username not specified."' }
const NO_REQUEST = { status: 404, text: '"No retirement request status for username."' }

/** §3.5: the end of all enrollments of somebody who wants to be forgotten. */
export function unenrollCases({ learner, retiring, stuck, open, second }: Names): Case[] {
  const ask = (username: unknown) => postTo('/unenroll/', { username })
  const orgs = [open, second].map((key) => /^course-v1:([^+]+)/.exec(key)?.[1] ?? '').toSorted()
  const organisations = z.array(z.string()).refine((list) => list.toSorted().join() === orgs.join(), {
    error: `has not the organisations ${orgs.join(', ')}`,
  })
  return [
    one('5.4 97', 'no username', ['worker', postTo('/unenroll/', {}), NO_USERNAME]),
    one('5.4 97', 'no body', ['worker', send('POST', '/unenroll/', { 'content-length': '0' }), NO_USERNAME]),
    one('5.4 98', 'an empty username', ['worker', ask(''), NO_REQUEST]),
    one('3.5', 'somebody who does not exist', ['worker', ask(NOBODY), NO_REQUEST]),
    one('3.5', 'somebody who asked for nothing', ['worker', ask(learner), NO_REQUEST]),
    one('3.5', 'the username is exact', ['worker', ask(retiring.toUpperCase()), NO_REQUEST], { known: 'D6' }),
    one('3.5', 'a superuser may', ['superuser', ask(NOBODY), NO_REQUEST]),
    one('3.5', 'by a form', ['worker', form('/unenroll/', { username: NOBODY }), NO_REQUEST]),
    one('3.5', 'GET is not allowed', [
      'worker',
      send('GET', '/unenroll/'),
      says(405, 'Method "GET" not allowed.', 'detail'),
    ]),
    one('3.5', 'a state in which nothing can be done', [
      'worker',
      ask(stuck),
      {
        status: 500,
        shape: z.string().regex(/^User: .* is in COMPLETE, not a valid state to perform retirement actions on\.$/),
      },
    ]),
    ...[7, ['bob'], { a: 1 }].map((username) =>
      one(
        '0 D2',
        `/unenroll/ with ${JSON.stringify(username)}`,
        ['worker', ask(username), says(400, 'username must be text.')],
        {
          known: 'D2',
        },
      ),
    ),
    one('0 D2', '/unenroll/ with malformed JSON', ['worker', postTo('/unenroll/', '{"username":'), { status: 400 }], {
      known: 'D2',
    }),
    several(
      '5.4 100',
      'twice',
      [
        step('worker', ask(retiring), { status: 200, shape: organisations }),
        step('worker', ask(retiring), { status: 204, text: '', headers: { 'content-type': null } }),
      ],
      {
        has: [
          [retiring, open, 'active audit'],
          [retiring, second, 'active verified'],
        ],
        after: [
          [retiring, open, 'inactive audit'],
          [retiring, second, 'inactive verified'],
        ],
      },
    ),
    several(
      '3.5',
      'the organisations of all enrollments, those that are inactive too',
      [step('worker', ask(retiring), { status: 200, shape: organisations })],
      {
        has: [
          [retiring, open, 'active audit'],
          [retiring, second, 'inactive verified'],
        ],
      },
    ),
    one('5.4 96', 'the learner may not', ['learner', ask(retiring), { status: 403 }], {
      has: [[retiring, open, 'active audit']],
      after: [[retiring, open, 'active audit']],
    }),
  ]
}
