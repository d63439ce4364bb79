import { expect, test } from 'vitest'
import { isEmailAddress } from '../../../core/learner/email-address.ts'
import { growsLinearly } from '../../support/growth.ts'

// What the validator of the original says to the same texts.
test.each([
  'bob@example.com',
  "o'brien+tag_1%x@sub.example.co",
  'BOB@EXAMPLE.COM',
  'a@localhost',
  'a@[127.0.0.1]',
  'a@[::1]',
  '"quoted"@example.com',
  '"a\\ b"@example.com',
  'a@münchen.example',
  'a@xn--mnchen-3ya.example',
  'a@1.com',
  `${'x'.repeat(242)}@example.com`,
])('%s is one', (text) => expect(isEmailAddress(text)).toBe(true))

test.each([
  '',
  '@',
  'bob',
  'percivaloctavius@',
  '@example.com',
  'a@b',
  'a@b.',
  'a@.com',
  'a@-b.com',
  'a@b-.com',
  'a@b.c-',
  'a.@example.com',
  '.a@example.com',
  'a..b@example.com',
  'a b@example.com',
  'é@example.com',
  'a@b c.com',
  'a@b@example.com',
  'a@example.com\n',
  'a\0@example.com',
  '"a b"@example.com',
  'a@[example]',
  'a@exa_mple.com',
  `a@${'x'.repeat(64)}.com`,
  `${'x'.repeat(243)}@example.com`,
])('“%s” is none', (text) => expect(isEmailAddress(text)).toBe(false))

test.each<[string, (length: number) => string]>([
  ['dots', (length) => `${'a.'.repeat(length)}@x.com`],
  ['hyphens', (length) => `a@${'a-'.repeat(length)}`],
  ['backslashes', (length) => `"${'\\'.repeat(length)}`],
])('a long text of %s is judged in a time that grows with its length at most', (_, textOf) => {
  expect(isEmailAddress(textOf(1_000))).toBe(false)
  expect(growsLinearly(isEmailAddress, textOf, 12_500)).toBe(true)
})
