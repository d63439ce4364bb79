import { useId, useState } from 'preact/hooks'
import { upload, type JobAction, type StartInput } from '../bulk.ts'
import { noticeSignedOut } from '../load.ts'
import { Choice, Heading, Problem } from '../parts/parts.tsx'
import { makePlan } from '../plan.ts'
import { sizeInWords } from '../words.ts'

const ACTIONS: readonly (readonly [JobAction, string])[] = [
  ['enroll', 'Enroll'],
  ['unenroll', 'Unenroll'],
  ['change', 'Change mode or state'],
  ['sync', 'Sync a roster: this is the list'],
]

/** Characters above which what is pasted is taken as a file: a field of so many lines would not scroll any more. */
const LARGE_PASTE = 20_000

const EXAMPLE = 'username,course_id,mode\nalice,course-v1:edX+DemoX+2026,audit'

export function NewJob({ courseId }: { courseId: string }) {
  const [action, setAction] = useState<JobAction>('enroll')
  const [failureMode, setFailureMode] = useState('bestEffort')
  const [file, setFile] = useState<File | null>(null)
  const [text, setText] = useState('')
  const [name, setName] = useState('')
  const [reason, setReason] = useState('')
  const [courses, setCourses] = useState(courseId)
  const [maxRemovals, setMaxRemovals] = useState('10%')
  const [removeFunded, setRemoveFunded] = useState(false)
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const id = useId()

  const paste = (event: ClipboardEvent) => {
    const pasted = event.clipboardData?.getData('text/plain') ?? ''
    if (pasted.length <= LARGE_PASTE) return
    event.preventDefault()
    setFile(new File([pasted], 'pasted lines'))
  }

  const plan = async () => {
    if (file === null && text.trim() === '') return setError(new Error('Choose a file, or paste its lines.'))
    setBusy(true)
    setError(undefined)
    try {
      const uploadId = await upload(file ?? new Blob([text]))
      const courseIds = courses.split(/[\s,]+/).filter(Boolean)
      const title = name.trim() || (file?.name ?? '')
      const start: StartInput = {
        source: { uploadId },
        action,
        failureMode: failureMode as 'bestEffort' | 'strict',
        ...(title === '' ? {} : { name: title.slice(0, 255) }),
        ...(reason.trim() === '' ? {} : { reason: reason.trim() }),
        ...(courseIds.length === 0 ? {} : { courseIds }),
        ...(action === 'sync' ? { limits: { maxRemovals: limitOf(maxRemovals) }, removeFunded } : {}),
      }
      await makePlan(start)
    } catch (cause) {
      noticeSignedOut(cause)
      setError(cause)
      setBusy(false)
    }
  }

  return (
    <>
      <Heading text="New job" />
      <p class="lead">
        Nothing is changed yet: first there is a plan, which says for each line what would happen and why.
      </p>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault()
          void plan()
        }}
      >
        <div class="field">
          <label for={`${id}-file`}>File (CSV)</label>
          <input
            id={`${id}-file`}
            type="file"
            accept=".csv,.txt,.tsv,text/csv,text/plain"
            onChange={({ currentTarget }) => setFile(currentTarget.files?.[0] ?? null)}
          />
          <p class="hint" role="status">
            {file === null ? '' : `Taken: ${file.name}, ${sizeInWords(file.size)}.`}
          </p>
        </div>
        <div class="field">
          <label for={`${id}-text`}>Or paste its lines</label>
          <textarea
            id={`${id}-text`}
            rows={7}
            spellcheck={false}
            disabled={file !== null}
            aria-describedby={`${id}-columns`}
            value={text}
            onPaste={paste}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
          <p class="hint" id={`${id}-columns`}>
            Columns: <code>username</code>, <code>email</code> or <code>user_id</code>; <code>course_id</code>; optional{' '}
            <code>mode</code>, <code>is_active</code>, <code>cohort</code>, <code>reason</code>, <code>ref</code>.{' '}
            <button type="button" class="link" disabled={file !== null} onClick={() => setText(EXAMPLE)}>
              Fill in an example
            </button>
          </p>
        </div>
        <div class="pair">
          <Choice
            label="What to do"
            value={action}
            options={ACTIONS}
            onChange={(value) => setAction(value as JobAction)}
          />
          <Choice
            label="When lines fail"
            value={failureMode}
            options={[
              ['bestEffort', 'Keep the good lines'],
              ['strict', 'Keep nothing'],
            ]}
            onChange={setFailureMode}
          />
        </div>
        <div class="field">
          <label for={`${id}-courses`}>Course runs, where the file does not name them</label>
          <input
            id={`${id}-courses`}
            spellcheck={false}
            value={courses}
            onInput={({ currentTarget }) => setCourses(currentTarget.value)}
          />
        </div>
        {action === 'sync' ? (
          <fieldset>
            <legend>Who is not in the list is unenrolled</legend>
            <div class="field">
              <label for={`${id}-limit`}>At most, per course run</label>
              <input
                id={`${id}-limit`}
                pattern="\d+%?"
                title="A number as 50, or a part as 10%"
                value={maxRemovals}
                onInput={({ currentTarget }) => setMaxRemovals(currentTarget.value)}
              />
            </div>
            <label class="check">
              <input
                type="checkbox"
                checked={removeFunded}
                onChange={({ currentTarget }) => setRemoveFunded(currentTarget.checked)}
              />
              Also learners whom a customer funds
            </label>
          </fieldset>
        ) : null}
        <div class="pair">
          <div class="field">
            <label for={`${id}-name`}>Name of the job</label>
            <input
              id={`${id}-name`}
              maxLength={255}
              value={name}
              onInput={({ currentTarget }) => setName(currentTarget.value)}
            />
          </div>
          <div class="field">
            <label for={`${id}-reason`}>Reason, kept with each change</label>
            <input
              id={`${id}-reason`}
              maxLength={2000}
              value={reason}
              onInput={({ currentTarget }) => setReason(currentTarget.value)}
            />
          </div>
        </div>
        <Problem error={error} isOfAction />
        <button type="submit" class="primary" disabled={isBusy}>
          {isBusy ? 'Making the plan…' : 'Make the plan'}
        </button>
      </form>
    </>
  )
}

function limitOf(text: string): number | `${number}%` {
  const trimmed = text.trim()
  return trimmed.endsWith('%') ? `${Number(trimmed.slice(0, -1))}%` : Number(trimmed)
}
