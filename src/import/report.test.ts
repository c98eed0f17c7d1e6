/** Notes by line: their kinds, their order, and what statements of several lines, or several on one line, make of them. */
import { describe, expect, test } from 'vitest';
import { ImportReport, joinReasons } from './report.ts';
import { StatementReport } from './statement-report.ts';

const text = '  one \ntwo\nthree\n';

describe('a report', () => {
  test('has notes in the order of the lines, warnings first, with the text of the line', () => {
    const report = new ImportReport(text);
    report.add(2, 'left-out', 'no counterpart');
    report.add(1, 'left-out', 'not read');
    report.warn(1, 'open', 'anybody may come');
    expect(report.notes()).toEqual([
      { line: 1, text: 'one', why: 'anybody may come', kind: 'left-out', concern: 'open' },
      { line: 1, text: 'one', why: 'not read', kind: 'left-out' },
      { line: 2, text: 'two', why: 'no counterpart', kind: 'left-out' },
    ]);
  });

  test('keeps the first kind of a reason, and one concern for a warning', () => {
    const report = new ImportReport(text);
    report.add(1, 'changed', 'nearly');
    report.add(1, 'left-out', 'nearly');
    report.warn(2, 'open', 'twice');
    report.warn(2, 'not-working', 'twice');
    expect(report.notes().map(({ kind, concern }) => [kind, concern])).toEqual([
      ['changed', undefined],
      ['left-out', 'not-working'],
    ]);
  });

  test('a warning of a line that is carried over says that it is changed', () => {
    const report = new ImportReport(text);
    report.markCarried(1, 2);
    report.warn(2, 'not-sticky', 'clients move');
    expect([1, 2, 3].map((line) => report.isCarried(line))).toEqual([true, true, false]);
    expect(report.notes()).toMatchObject([{ line: 2, kind: 'changed' }]);
  });

  test('joined, the reasons of a line are one note, and warnings stay alone', () => {
    const report = new ImportReport(text);
    for (const why of ['a', 'b']) report.add(1, 'left-out', why);
    report.warn(1, 'open', 'c');
    report.add(2, 'left-out', 'd');
    expect(joinReasons(report.notes()).map(({ line, why }) => `${line} ${why}`)).toEqual(['1 c', '1 a; b', '2 d']);
  });
});

describe('statements', () => {
  interface Statement {
    readonly lines: readonly number[];
  }

  function reportOf(decide: (report: StatementReport<Statement>, statements: readonly Statement[]) => void) {
    const statements = [{ lines: [1, 2] }, { lines: [2] }, { lines: [3] }];
    const decisions = new StatementReport<Statement>();
    decide(decisions, statements);
    const report = new ImportReport(text);
    decisions.writeTo(report, statements, ({ lines }) => lines);
    return report
      .notes()
      .map(({ line, kind, why, concern }) => [line, kind, why, ...(concern ? [concern] : [])].join(' '));
  }

  test('that are left out have the first reason on each of their lines', () => {
    const notes = reportOf((report, [first]) => {
      report.leaveOut(first!, 'not read');
      report.leaveOut(first!, 'not known');
    });
    expect(notes).toEqual(['1 left-out not read', '2 left-out not read']);
  });

  test('that one pool carries over and another one does not are carried over', () => {
    const notes = reportOf((report, [first, , third]) => {
      report.leaveOut(first!, 'not for this pool');
      report.carry(first!);
      report.change(third!, 'nearly the same');
      expect([report.isCarried(first!), report.reasonOf(first!)]).toEqual([true, '']);
    });
    expect(notes).toEqual(['3 changed nearly the same']);
  });

  test('that share a line with one that is carried over change that line', () => {
    const notes = reportOf((report, [first, second]) => {
      report.carry(first!);
      report.leaveOut(second!, 'no counterpart');
    });
    expect(notes).toEqual(['2 changed no counterpart']);
  });

  test('with a warning have no other reason, and the warning stands where they begin', () => {
    const notes = reportOf((report, [first, , third]) => {
      report.leaveOut(first!, 'not read');
      report.warn(first!, 'open', 'anybody may come');
      expect([report.isDecided(first!), report.isDecided(third!)]).toEqual([true, false]);
    });
    expect(notes).toEqual(['1 left-out anybody may come open']);
  });
});
