import { EMAIL_FORM } from '../../../core/learner/email-address.ts'
import type { LmsRow } from '../../source/source.ts'
import { account, type Conversion, type Subject } from '../subject.ts'
import { idOf, instantOf, textOf, textOrNull } from '../values.ts'

/** Retirements, with the names that the accounts had (lms.md A.1, B.2). */
export const retirements: Subject = {
  group: 'retirements',
  table: 'user_api_userretirementstatus',
  type: 'retirement',
  key: 'id',
  columns: ['user_id', 'original_username', 'original_email'],
  joins: [
    {
      table: 'user_api_retirementstate',
      as: 's',
      on: ['t.current_state_id', 'id'],
      columns: { state: 'state_name' },
    },
  ],
  convert: convertRetirement,
}

/** A row of `user_api_userretirementstatus` with its state. */
export function convertRetirement(row: LmsRow): Conversion {
  const [username, email] = [textOrNull(row['original_username']), textOrNull(row['original_email'])]
  const isAddress = email !== null && EMAIL_FORM.test(email)
  const line = {
    type: 'retirement',
    username: account(idOf(row['user_id'])),
    state: textOf(row['state']) ?? '',
    ...(username !== null && { originalUsername: username }),
    ...(isAddress && { originalEmail: email }),
  }
  const bent =
    email === null || isAddress ? [] : [`original_email: '${email}' is not an e-mail address, and is left out`]
  return { lines: [{ line }], bent }
}

/** Who has asked to be retired: their names stay blocked when the retirement is over. */
export const retirementRequests: Subject = {
  group: 'retirements',
  table: 'user_api_userretirementrequest',
  type: 'retirementRequest',
  key: 'id',
  columns: ['user_id', 'created'],
  convert: convertRetirementRequest,
}

/** A row of `user_api_userretirementrequest`. */
export function convertRetirementRequest(row: LmsRow): Conversion {
  const line = {
    type: 'retirementRequest',
    username: account(idOf(row['user_id'])),
    created: instantOf(row['created']),
  }
  return { lines: [{ line }] }
}
