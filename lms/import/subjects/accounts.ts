import { EMAIL_FORM } from '../../../core/learner/email-address.ts'
import type { LmsRow } from '../../source/source.ts'
import type { Conversion, DraftLine, Subject } from '../subject.ts'
import { countryOf, flagOf, idOf, instantOf, numberOf, textOf, textOrNull } from '../values.ts'

/** Accounts with their ids, profiles and standings (lms.md A.1, B.1). */
export const accounts: Subject = {
  group: 'users',
  table: 'auth_user',
  type: 'user',
  key: 'id',
  columns: ['id', 'username', 'email', 'is_active', 'is_staff', 'is_superuser', 'date_joined'],
  joins: [
    {
      table: 'auth_userprofile',
      as: 'p',
      on: ['t.id', 'user_id'],
      columns: { profile: 'user_id', name: 'name', country: 'country', year_of_birth: 'year_of_birth' },
    },
    { table: 'student_userstanding', as: 's', on: ['t.id', 'user_id'], columns: { standing: 'account_status' } },
  ],
  convert: convertAccount,
  instead: withoutEmail,
}

/** A row of `auth_user` with its profile and standing. */
export function convertAccount(row: LmsRow): Conversion {
  const username = textOf(row['username']) ?? ''
  const [email, badEmail] = emailIn(row)
  const [country, badCountry] = countryIn(row)
  const [yearOfBirth, badYear] = yearOfBirthIn(row)
  const joined = instantOf(row['date_joined'])
  const isDisabled = textOf(row['standing'])?.toLowerCase() === 'disabled'
  const line: DraftLine = {
    type: 'user',
    id: idOf(row['id']),
    username,
    email,
    name: textOf(row['name']) ?? '',
    isActive: flagOf(row['is_active'], true),
    isStaff: flagOf(row['is_staff']),
    isSuperuser: flagOf(row['is_superuser']),
    country,
    yearOfBirth,
    ...(joined !== null && { created: joined }),
    ...(isDisabled && { isDisabled }),
  }
  const bent = [
    ...badEmail,
    ...badCountry,
    ...badYear,
    ...(row['profile'] === null ? ['it has no profile: the name is empty'] : []),
    ...(username === username.trim()
      ? []
      : [`username: '${username}' begins or ends with a blank, which MySQL ignores`]),
  ]
  return { lines: [{ line }], bent }
}

type Read<T> = readonly [value: T | null, bent: readonly string[]]

function emailIn(row: LmsRow): Read<string> {
  const email = textOrNull(row['email'])
  if (email === null || EMAIL_FORM.test(email)) return [email, []]
  return [null, [`email: '${email}' is not an e-mail address, and is left out`]]
}

function countryIn(row: LmsRow): Read<string> {
  const [country, text] = [countryOf(row['country']), textOrNull(row['country'])]
  if (country !== null || text === null) return [country, []]
  return [null, [`country: '${text}' is not a country, and is left out`]]
}

function yearOfBirthIn(row: LmsRow): Read<number> {
  const year = numberOf(row['year_of_birth'])
  if (year === null || (year >= 1 && year <= 9999)) return [year, []]
  return [null, [`year_of_birth: ${year} is not a year, and is left out`]]
}

/** Of two accounts with one address the second one has none. */
function withoutEmail(line: DraftLine, reason: string) {
  if (!reason.startsWith('user: email: ')) return null
  return { line: { ...line, email: null }, bent: `${reason.slice('user: '.length)}, and is left out` }
}
