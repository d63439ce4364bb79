import { useEffect, useState } from 'preact/hooks'
import { signOut, whoIsSignedIn } from './api.ts'
import { AGAIN_MS, SIGNED_OUT } from './load.ts'
import { usePlace, type Place } from './location.ts'
import { Heading, Problem } from './parts/parts.tsx'
import { Course } from './views/course.tsx'
import { Courses } from './views/courses.tsx'
import { Customer } from './views/customer.tsx'
import { Customers } from './views/customers.tsx'
import { Feed } from './views/feed.tsx'
import { Health } from './views/health.tsx'
import { Job } from './views/job.tsx'
import { Jobs } from './views/jobs.tsx'
import { Learner } from './views/learner.tsx'
import { Learners } from './views/learners.tsx'
import { NewJob } from './views/new-job.tsx'
import { SignIn } from './views/sign-in.tsx'
import { Webhook } from './views/webhook.tsx'
import { Webhooks } from './views/webhooks.tsx'

const SECTIONS = [
  ['jobs', 'Jobs'],
  ['learners', 'Learners'],
  ['courses', 'Course runs'],
  ['customers', 'Customers'],
  ['feed', 'Live feed'],
  ['webhooks', 'Webhooks'],
  ['health', 'Health'],
] as const

/** The name of who is signed in; undefined: that is not known yet, null: nobody. */
type Session = string | null | undefined

/** The console: who is not signed in signs in, at whatever address, and is there then. */
export function App() {
  const [session, setSession] = useState<Session>()
  const [error, setError] = useState<unknown>()
  useEffect(() => {
    let timer = 0
    const ask = () =>
      whoIsSignedIn().then(setSession, (cause: unknown) => {
        setError(cause)
        timer = window.setTimeout(() => void ask(), AGAIN_MS)
      })
    void ask()
    const end = () => setSession(null)
    addEventListener(SIGNED_OUT, end)
    return () => {
      clearTimeout(timer)
      removeEventListener(SIGNED_OUT, end)
    }
  }, [])
  if (session === undefined) {
    return (
      <main class="alone">
        <Problem error={error} />
      </main>
    )
  }
  if (session === null) return <SignIn onDone={setSession} />
  return <Shell name={session} onSignOut={() => setSession(null)} />
}

function Shell({ name, onSignOut }: { name: string; onSignOut: () => void }) {
  const place = usePlace()
  const [section = 'jobs'] = place.path
  return (
    <>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header>
        <a class="brand" href="/console/">
          Enrollment
        </a>
        <nav aria-label="Sections">
          {SECTIONS.map(([path, title]) => (
            <a key={path} href={`/console/${path}`} {...(path === section ? { 'aria-current': 'page' as const } : {})}>
              {title}
            </a>
          ))}
        </nav>
        <div class="who">
          <span>
            <span class="hidden">Signed in as </span>
            <bdi>{name}</bdi>
          </span>
          <button type="button" class="small" onClick={() => void signOut().finally(onSignOut)}>
            Sign out
          </button>
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        <View place={place} />
      </main>
    </>
  )
}

function View({ place: { path, query } }: { place: Place }) {
  const [section = 'jobs', id] = path
  const of = (name: string) => query.get(name) ?? ''
  switch (section) {
    case 'jobs':
      if (id === undefined) return <Jobs state={of('state')} />
      if (id === 'new') return <NewJob courseId={of('course')} />
      return <Job key={id} jobId={id} show={of('show')} code={of('code')} />
    case 'learners':
      return id === undefined ? <Learners text={of('text')} /> : <Learner key={id} username={id} />
    case 'courses':
      if (id === undefined) return <Courses text={of('text')} />
      return <Course key={id} courseId={id} text={of('text')} mode={of('mode')} state={of('state')} />
    case 'customers':
      return id === undefined ? <Customers text={of('text')} /> : <Customer key={id} uuid={id} state={of('state')} />
    case 'feed':
      return <Feed courseId={of('course')} username={of('learner')} kind={of('kind')} />
    case 'webhooks':
      return id === undefined ? <Webhooks /> : <Webhook key={id} id={id} state={of('state')} />
    case 'health':
      return <Health />
    default:
      return (
        <>
          <Heading text="There is no such view" />
          <p>
            <a href="/console/jobs">To the jobs</a>
          </p>
        </>
      )
  }
}
