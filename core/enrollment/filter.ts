import { isStorableText } from '../text.ts'

/** What a filter looks at: somebody who is about to be added to a course run. */
export interface FilterRequest {
  readonly learner: { readonly userId: string; readonly username: string }
  /** Without branch and version. */
  readonly courseId: string
  /** The mode that was asked for, or the default one, or the one that an earlier filter has chosen. */
  readonly mode: string
  /** Whether the enrollment is to be active. */
  readonly isActive: boolean
  readonly enterpriseUuid: string | null
  readonly reason: string | null
}

/** What a filter says: nothing, a refusal with the reason that the client reads, or another mode. */
export type FilterAnswer = { readonly veto: string } | { readonly mode: string } | undefined

/**
 * A rule of the site about who is enrolled, and in which mode (rest-v1 §1.7 and §3.2 row 15e). It runs in the process,
 * synchronously, each time somebody is about to be added: by any API, on a new and on an inactive enrollment,
 * after the mode was looked at and before window and seats. Changes of an existing enrollment do not pass it.
 *
 * A call may be decided more than once (after a lost race, in a dry run), so a filter must have no effects. One that
 * throws, or answers anything else than a {@link FilterAnswer}, refuses.
 *
 * @example
 * const oneOrganisation: EnrollmentFilter = {
 *   name: 'one-organisation',
 *   check: ({ courseId }) => (courseId.startsWith('course-v1:edX+') ? undefined : { veto: 'Only courses of edX.' }),
 * }
 */
export interface EnrollmentFilter {
  /** Who refused, in the details of the error `vetoed`. */
  readonly name: string
  readonly check: (request: FilterRequest) => FilterAnswer
}

/** Called with what went wrong in a filter, e.g. to log it. */
export type FilterErrorReporter = (filter: EnrollmentFilter, error: unknown) => void

/** The result of all filters: a refusal, or the mode that is left. */
export type Filtered =
  | { readonly vetoed: { readonly by: string; readonly message: string } }
  | { readonly mode: string }

/** Asks the filters one after another, each seeing the mode that those before it left. Total: it never throws. */
export function passFilters(
  filters: readonly EnrollmentFilter[],
  request: FilterRequest,
  report: FilterErrorReporter | undefined,
): Filtered {
  let { mode } = request
  for (const filter of filters) {
    const answer = ask(filter, { ...request, mode }, report)
    if (answer === undefined) continue
    if ('veto' in answer) return { vetoed: { by: filter.name, message: answer.veto } }
    mode = answer.mode
  }
  return { mode }
}

/** The client does not read what went wrong in the filter. */
const BROKEN: FilterAnswer = { veto: 'The enrollment was not allowed.' }

function ask(filter: EnrollmentFilter, request: FilterRequest, report: FilterErrorReporter | undefined): FilterAnswer {
  try {
    const answer: unknown = filter.check(request)
    if (isAnswer(answer)) return answer
    throw new TypeError(`The enrollment filter '${filter.name}' answered neither undefined, nor a veto, nor a mode`)
  } catch (error) {
    reportError(report, filter, error)
    return BROKEN
  }
}

function reportError(report: FilterErrorReporter | undefined, filter: EnrollmentFilter, error: unknown): void {
  try {
    report?.(filter, error)
  } catch {
    // A reporter that fails does not change the answer.
  }
}

/** A promise is none: nobody would wait for it. */
function isAnswer(answer: unknown): answer is FilterAnswer {
  if (answer === undefined) return true
  if (typeof answer !== 'object' || answer === null) return false
  if ('veto' in answer) return typeof answer.veto === 'string'
  return 'mode' in answer && typeof answer.mode === 'string' && isSlug(answer.mode)
}

const MAX_SLUG_LENGTH = 100

function isSlug(mode: string): boolean {
  return mode !== '' && [...mode].length <= MAX_SLUG_LENGTH && isStorableText(mode)
}
