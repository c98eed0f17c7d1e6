/**
 * The names that the project no longer uses, each with the standard term that took its place, and the finder of those
 * that come back. A name has one meaning and is the field's own term; CONTRIBUTING.md says why.
 */
import { basename } from 'node:path/posix';
import { isNode, lineOf, type Node, type Place, parse, text } from './source-file.ts';

/** Names of types, functions and files of old. An identifier must not be one of these. */
export const formerNames: Readonly<Record<string, string>> = {
  Downstream: 'ClientConnection',
  Upstream: 'ServerConnection',
  Office: 'AdminService',
  Keeper: 'TableSaver, or BufferOwner',
  Watch: 'HealthMonitor',
  Taken: 'PortCheck',
  isTaken: 'PortCheck',
  Birth: 'WorkerInit',
  Plan: 'WorkerConfig',
  News: 'ConfigVersion',
  Edition: 'Versions',
  Standing: 'HealthReport, or SessionStatus',
  NamedStanding: 'NamedHealthReport',
  Sighting: 'PassiveReport',
  Alone: 'SingleWorker',
  shareAlone: 'createSingleWorker',
  Bag: 'IndexedSet',
  Bagged: 'Indexed',
  Recipient: 'ResponseHandler',
  Nobody: 'DrainHandler',
  Sharing: 'PipeliningGuard',
  giveWay: 'requeue',
  Copies: 'Replicator',
  CopySettings: 'ReplicatorSettings',
  CopyParts: 'ReplicatorDependencies',
  StoreDialog: 'StoreGate',
  Asker: 'StoreGateOwner',
  SessionLine: 'SessionHeader',
  Owners: 'OwnerLookup',
  Rebalance: 'Rebalancer',
  Told: 'PutReport',
  Answered: 'QueryOutcome',
  Recalled: 'StoredState',
  Answer: 'ResponseWriter',
  AnswerWriter: 'WriteBatch',
  Lesson: 'LearnedId',
  KeptBytes: 'BufferBudget',
  Keeping: 'BufferAccount',
  Dialler: 'ConnectListener',
  Dial: 'Connector',
  Taking: 'WriteStall',
  LateEnd: 'DelayedEnd',
  LateReset: 'DelayedReset',
  Front: 'Listener',
  Homes: 'HashOwners',
  Witness: 'DecisionRecorder',
  Gate: 'ResponseGate',
  NodeGate: 'NodeResponseGate',
  QueuedGate: 'QueuedResponseGate',
  Live: 'LiveSession',
  SessionWord: 'SessionCommand',
  Sabotage: 'InjectedFault',
};

/** Metaphors: no part of an identifier, of a file's name or of a counter, and not in prose. */
export const metaphors: Readonly<Record<string, string>> = {
  news: 'config version',
  edition: 'version',
  standing: 'health report',
  standings: 'health reports',
  sighting: 'passive report',
  sightings: 'passive reports',
  roster: 'slots',
  bag: 'indexed set',
  bagged: 'indexed',
  lesson: 'learned id',
  teach: 'record',
  teaches: 'records',
  taught: 'recorded',
  dialler: 'connect listener',
  witness: 'decision recorder',
  sabotage: 'injected fault',
  sabotages: 'injected faults',
  office: 'admin service',
  keeper: 'saver',
  patience: 'time-out, most tries or most bytes',
  hear: 'apply, or get',
  hears: 'applies, or gets',
  heard: 'applied, or received',
  unheard: 'unpublished, or ignored',
};

/**
 * Words of ordinary English that had a meaning of their own here. No identifier of the sources is one of these; prose may
 * use them, and so may tests.
 */
export const ordinary: Readonly<Record<string, string>> = {
  owed: 'mustBind',
  late: 'endedRecently, or delayed',
  lent: 'substitute',
  carried: 'sentCopy',
  entered: 'counted',
  fresh: 'firstPlacement, or what is new',
  alone: 'a state of storeState, or single',
  behind: 'isStale',
  place: 'index, or what it is the place of',
  home: 'hashOwner',
  tell: 'publish, report or notify',
  ask: 'query',
  know: 'what is known',
  see: 'report',
};

/** No identifier is such a verb with something behind it: `tellShortage`. */
const verbs = /^(?:tell|ask|hear|know|see)(?=[A-Z])/;

/** Files whose name is one of these, with or without something behind a hyphen. */
const formerFiles: Readonly<Record<string, string>> = {
  alone: 'single-worker.ts',
  taken: 'port-check.ts',
  watch: 'health-monitor.ts',
  front: 'listener.ts',
  homes: 'hash-owners.ts',
  'by-id': 'foreign-id-store.ts',
  recipient: 'response-handler.ts',
  sharing: 'pipelining-guard.ts',
  dial: 'connector.ts',
  copies: 'replicator.ts',
  'store-dialog': 'store-gate.ts',
  'session-line': 'session-header.ts',
  'kept-bytes': 'buffer-budget.ts',
  'late-reset': 'delayed-reset.ts',
  gate: 'response-gate.ts',
  'node-gate': 'node-response-gate.ts',
  'queued-gate': 'queued-response-gate.ts',
};

export interface Found {
  readonly path: Place;
  readonly line: number;
  /** As it stands there. */
  readonly name: string;
  readonly instead: string;
}

/** Old words among the identifiers of a file. */
export function findInCode(path: Place, source: string): Found[] {
  const found: Found[] = [];
  const visit = (node: Node) => {
    if ((node.type === 'Identifier' || node.type === 'PrivateIdentifier') && typeof node.name === 'string') {
      const instead = insteadOf(node.name, path.endsWith('.test.ts'));
      if (instead !== undefined) found.push({ path, line: lineOf(node, source), name: node.name, instead });
    }
    for (const value of Object.values(node)) {
      for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) visit(child);
    }
  };
  for (const node of parse(source)) visit(node);
  return found;
}

function insteadOf(name: string, isTest: boolean): string | undefined {
  const exact = own(formerNames, name) ?? (isTest ? undefined : own(ordinary, name));
  if (exact !== undefined) return exact;
  if (!isTest && verbs.test(name)) return 'publish, query, apply, report or notify';
  for (const word of wordsOf(name)) {
    const instead = own(metaphors, word);
    if (instead !== undefined) return instead;
  }
  return undefined;
}

/** Types that several files had under one name, each for something else; and names that hide a type of TypeScript's own. */
const singles = ['Placement', 'Place', 'Verdict', 'Answer'];
const hiding = ['Record', 'Partial', 'Pick'];

/** The declarations of such types that may not be: each with its file. */
export function findDoubles(files: ReadonlyMap<Place, string>): string[] {
  const declared = new Map<string, Place[]>();
  for (const [path, source] of files) {
    for (const statement of parse(source)) {
      const { declaration } = statement;
      const node = isNode(declaration) ? declaration : statement;
      const name = /^(?:Class|TSInterface|TSTypeAlias)Declaration$/.test(node.type) ? text(node.id) : undefined;
      if (name !== undefined) declared.set(name, [...(declared.get(name) ?? []), path]);
    }
  }
  const doubles = singles.filter((name) => (declared.get(name)?.length ?? 0) > 1);
  const hidden = hiding.filter((name) => declared.has(name));
  return [...doubles, ...hidden].map((name) => `${name}: ${declared.get(name)?.join(', ')}`);
}

/** `onNewsHeard` and `news_heard` are news and heard, and on. */
function wordsOf(name: string): string[] {
  return name
    .replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, ' ')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
}

function own(record: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** An old word in a file's own name. */
export function findInName(path: Place): Found[] {
  const name = basename(path).replace(/(?:\.test)?\.\w+$/, '');
  const instead =
    own(formerFiles, name) ??
    wordsOf(name)
      .map((word) => own(metaphors, word))
      .find((one) => one);
  return instead === undefined ? [] : [{ path, line: 0, name, instead }];
}

/** Metaphors in text: comments, strings, pages. */
export function findInProse(path: Place, prose: string): Found[] {
  return prose.split('\n').flatMap((line, i) =>
    wordsOf(line).flatMap((word) => {
      const instead = own(metaphors, word);
      return instead === undefined ? [] : [{ path, line: i + 1, name: word, instead }];
    }),
  );
}
