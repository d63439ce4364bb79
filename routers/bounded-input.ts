import { z, ZodError } from 'zod'

type Issue = z.core.$ZodIssue

/** How many issues an error tells (rpc §4). */
const MAX_ISSUES = 20

/** Characters of a text of the input in an error. */
const MAX_TEXT = 255

/** Names of fields in one issue, and steps of a path. */
const MAX_NAMES = 5

/** After so many issues of a batch nobody looks for more: refusing costs no more than reading. */
const MAX_COUNTED = 20_000

/** Malformed input: its first issues, and how many more there are. */
export type InputError = ZodError & { readonly issuesLeftOut: number }

/** The error to tell of for one of zod. */
export function inputErrorOf(error: z.core.$ZodError | InputError): InputError {
  if (error instanceof ZodError && 'issuesLeftOut' in error) return error
  let count = 0
  const issues = error.issues.flatMap((issue) => {
    const counted = issue.code === 'custom' ? issue.params?.['countedIssues'] : undefined
    count += isCounted(counted) ? counted.count : 1
    return isCounted(counted) ? counted.issues : [issue]
  })
  const first = new z.ZodRealError(issues.slice(0, MAX_ISSUES).map(shortened))
  return Object.assign(first, { issuesLeftOut: Math.max(0, count - MAX_ISSUES) })
}

interface CountedIssues {
  readonly issues: readonly Issue[]
  readonly count: number
}

function isCounted(value: unknown): value is CountedIssues {
  return typeof value === 'object' && value !== null && 'issues' in value && 'count' in value
}

function shortened(issue: Issue): Issue {
  const { message, path } = issue
  const short = { ...issue, message: cut(message), path: path.slice(0, MAX_NAMES).map(cutName) }
  if (issue.code === 'unrecognized_keys') return { ...short, keys: issue.keys.slice(0, MAX_NAMES).map(cut) } as Issue
  // What a union tried, and the input itself, may be of any size.
  return { ...short, ...('errors' in issue ? { errors: [] } : {}), input: undefined } as Issue
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text
}

function cutName(name: PropertyKey): PropertyKey {
  return typeof name === 'string' ? cut(name) : name
}

/** A list whose length is looked at before its elements. */
export function boundedArray<S extends z.ZodType>(element: S, { min = 0, max }: { min?: number; max: number }) {
  return z.array(z.unknown()).min(min).max(max).pipe(z.array(element))
}

/**
 * The items of a batch, at least one. Of malformed ones the first issues are kept and the others counted, so that an error never
 * takes more memory than the input.
 */
export function batchItems<I, Raw>(item: z.ZodType<I, Raw>) {
  const described = z.unknown().meta({ ...z.toJSONSchema(item, { io: 'input', unrepresentable: 'any' }) })
  return z
    .array(described)
    .min(1)
    .transform((raw, context): I[] => {
      const items: I[] = []
      const issues: Issue[] = []
      let count = 0
      for (const [index, each] of raw.entries()) {
        const parsed = item.safeParse(each)
        if (parsed.success) {
          items.push(parsed.data)
          continue
        }
        count += parsed.error.issues.length
        for (const issue of parsed.error.issues.slice(0, MAX_ISSUES - issues.length)) {
          issues.push({ ...issue, path: ['items', index, ...issue.path] })
        }
        if (count > MAX_COUNTED) break
      }
      if (count > 0) {
        context.addIssue({
          code: 'custom',
          message: 'Some items are malformed',
          params: { countedIssues: { issues, count } },
        })
      }
      return items
    })
}
