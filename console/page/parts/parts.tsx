import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { isAway, wordsOf } from '../api.ts'
import { setQuery } from '../location.ts'
import { inWords, instantInWords, numberInWords, stateInWords } from '../words.ts'

/** The heading of a view: it takes the focus when the view is opened, so that a screen reader says where one is. */
export function Heading({ text, children }: { text: string; children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${text} · Enrollment console`
    heading.current?.focus({ preventScroll: true })
  }, [text])
  return (
    <div class="heading">
      <h1 ref={heading} tabIndex={-1}>
        <bdi>{text}</bdi>
      </h1>
      {children === undefined ? null : <div class="actions">{children}</div>}
    </div>
  )
}

interface ProblemProps {
  readonly error: unknown
  /** Of what somebody did, which is not tried again by itself. */
  readonly isOfAction?: boolean
}

export function Problem({ error, isOfAction = false }: ProblemProps) {
  return error === undefined || error === null ? null : (
    <p role="alert" class="problem">
      {wordsOf(error)}
      {isAway(error) && !isOfAction ? ' Trying again…' : ''}
    </p>
  )
}

/** A field of search whose text is in the address, a moment after it was typed. */
export function SearchField({ label, name, value }: { label: string; name: string; value: string }) {
  const id = useId()
  const [text, setText] = useState(value)
  const typed = useRef(value)
  useEffect(() => {
    if (value !== typed.current) setText(value)
    typed.current = value
  }, [value])
  useEffect(() => {
    if (text === typed.current) return undefined
    const timer = setTimeout(() => {
      typed.current = text
      setQuery({ [name]: text })
    }, 250)
    return () => clearTimeout(timer)
  }, [text])
  return (
    <div class="field grow">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="search"
        value={text}
        autocomplete="off"
        spellcheck={false}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
      />
    </div>
  )
}

/** A choice whose value is in the address. */
export function QueryChoice({ label, name, value, options }: QueryChoiceProps) {
  return <Choice label={label} value={value} options={options} onChange={(chosen) => setQuery({ [name]: chosen })} />
}

interface QueryChoiceProps extends Omit<ChoiceProps, 'onChange'> {
  readonly name: string
}

interface ChoiceProps {
  readonly label: string
  readonly value: string
  /** Values with their words. */
  readonly options: readonly (readonly [string, string])[]
  readonly onChange: (value: string) => void
}

export function Choice({ label, value, options, onChange }: ChoiceProps) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        {options.map(([each, words]) => (
          <option value={each} key={each}>
            {words}
          </option>
        ))}
      </select>
    </div>
  )
}

const TONES: Readonly<Record<string, string>> = {
  created: 'good',
  reactivated: 'good',
  done: 'good',
  delivered: 'good',
  enabled: 'good',
  active: 'good',
  answers: 'good',
  fulfilled: 'good',
  modeChanged: 'plain',
  unchanged: 'quiet',
  deactivated: 'plain',
  running: 'accent',
  queued: 'quiet',
  waiting: 'quiet',
  pending: 'quiet',
  cancelled: 'quiet',
  'not active': 'quiet',
  open: 'good',
}

/** A state or a kind in a word, with a colour that the word does not need. */
export function Badge({ name }: { name: string }) {
  return <span class={`badge ${TONES[name] ?? 'bad'}`}>{inWords(name)}</span>
}

export function Time({ iso }: { iso: string }) {
  return <time dateTime={iso}>{instantInWords(iso)}</time>
}

/** What an enrollment was, and what it became. */
export function Change({ before, after }: { before: State | null; after: State }) {
  return (
    <span class="change">
      <bdi>{stateInWords(before)}</bdi> <span aria-hidden="true">→</span>
      <span class="hidden">to</span> <bdi>{stateInWords(after)}</bdi>
    </span>
  )
}

interface State {
  readonly mode: string
  readonly isActive: boolean
}

/** Facts about one thing, each with its name. */
export function Facts({ facts }: { facts: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** Says how much of a list is there; changes are read out. */
export function ListStatus({ count, hasMore, of: [one, many] }: ListStatusProps) {
  return (
    <p class="status" role="status">
      {numberInWords(count)} {count === 1 ? one : many}
      {hasMore ? ' so far; more as you scroll' : ''}
    </p>
  )
}

interface ListStatusProps {
  readonly count: number
  readonly hasMore: boolean
  /** What is counted: one, and several. */
  readonly of: readonly [string, string]
}
