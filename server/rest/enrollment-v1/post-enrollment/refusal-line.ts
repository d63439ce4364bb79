import { Refusal, type ViewResponse } from '../../django/response.ts'
import type { ViewRequest } from '../../view.ts'

/**
 * Answers a POST and writes a line that says why it was refused, where it was; those with the API key have the audit line.
 * It tells no more of anybody than that line: numbers of accounts, no names and no addresses.
 */
export async function withRefusalLine(
  { log, rights }: ViewRequest,
  answer: () => Promise<ViewResponse>,
): Promise<ViewResponse> {
  const report = (response: ViewResponse) => {
    if (rights.hasApiKey || response.status < 400) return
    const callerId = rights.account?.id ?? null
    log.info({ callerId, status: response.status, reason: reasonOf(response) }, 'enrollment request refused')
  }
  try {
    const response = await answer()
    report(response)
    return response
  } catch (error) {
    if (error instanceof Refusal) report(error.response)
    throw error
  }
}

/** The text of the response, unless it names somebody. */
function reasonOf({ status, body }: ViewResponse): string {
  if (status === 404) return 'the request is about another learner'
  if (status === 406) return 'there is no such learner'
  const text: unknown = Object(body).message
  if (typeof text !== 'string') return 'see the status'
  return text.replace(/ for user '.*' in course '/s, " in course '").slice(0, MAX_REASON_LENGTH)
}

const MAX_REASON_LENGTH = 300
