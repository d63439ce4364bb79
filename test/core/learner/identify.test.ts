import { expect, test } from 'vitest'
import { identify, type Identity } from '../../../core/learner/identify.ts'

const KNOWN: Identity = { username: 'alice', userId: 7, isIdOfLms: true }
const DRAWN: Identity = { username: 'bob', userId: 8, isIdOfLms: false }
const OTHER: Identity = { username: 'bob', userId: 9, isIdOfLms: true }

test.for([
  ['nobody has the names', 'carol', 5, [undefined, undefined], { account: null, displaced: null }],
  ['a known id, another username', 'anna', 7, [undefined, KNOWN], { account: KNOWN, displaced: null }],
  ['a username with a drawn id', 'bob', 5, [DRAWN, undefined], { account: DRAWN, displaced: null }],
  ['a username whose drawn id is the one of the LMS', 'bob', 8, [DRAWN, DRAWN], { account: DRAWN, displaced: null }],
  ['a new username with an id that was drawn', 'carol', 8, [undefined, DRAWN], { account: null, displaced: DRAWN }],
  ['no id', 'alice', null, [KNOWN, undefined], { account: KNOWN, displaced: null }],
] as const)('%s', ([, username, userId, [byUsername, byUserId], identified]) => {
  expect(identify<Identity>({ username, userId }, { byUsername, byUserId })).toEqual(identified)
})

test.for([
  ['a username that has another id', 'alice', 5, [KNOWN, undefined]],
  ['names of two known accounts', 'bob', 7, [OTHER, KNOWN]],
  ['a known id, and a username of an account that the LMS did not know', 'bob', 7, [DRAWN, KNOWN]],
] as const)('%s is a conflict', ([, username, userId, [byUsername, byUserId]]) => {
  expect(identify<Identity>({ username, userId }, { byUsername, byUserId })).toHaveProperty('conflict')
})
