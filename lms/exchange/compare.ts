import { alike } from './alike.ts'
import { jsonDifferences, jsonOf } from './json-differences.ts'
import { knownDifference, type KnownDifference } from './known-differences.ts'
import type { Answer, Request } from './server.ts'

/** How the answers of an LMS and of us to one request stand to one another. */
export type Verdict =
  | { readonly kind: 'equal' }
  | { readonly kind: 'known'; readonly known: KnownDifference; readonly differences: readonly string[] }
  | { readonly kind: 'different'; readonly differences: readonly string[] }

/**
 * Compares statuses, and bodies by value (adoption.md §7).
 *
 * @param madeSince see {@link alike}.
 */
export function compareAnswers(request: Request, lms: Answer, here: Answer, madeSince?: number): Verdict {
  const differences = differencesOf(lms, here, madeSince)
  if (differences.length === 0) return { kind: 'equal' }
  const known = knownDifference(request, lms, here)
  return known === undefined ? { kind: 'different', differences } : { kind: 'known', known, differences }
}

function differencesOf(lms: Answer, here: Answer, madeSince?: number): string[] {
  const status = lms.status === here.status ? [] : [`status: ${lms.status} and ${here.status}`]
  const [first, second] = [jsonOf(lms.text), jsonOf(here.text)]
  if (first !== undefined && second !== undefined) {
    return [...status, ...jsonDifferences(alike(first, madeSince), alike(second, madeSince))]
  }
  // Neither is JSON: empty, or a page of the LMS's web server, which says nothing beside its status.
  if (first === second && (lms.text === here.text || isRedirect(lms, here))) return status
  return [...status, 'the bodies, of which not both are JSON']
}

function isRedirect(lms: Answer, here: Answer): boolean {
  return lms.status === here.status && lms.status >= 300 && lms.status < 400
}
