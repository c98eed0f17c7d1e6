import { describe, expect, test } from 'vitest';
import { setting } from '../../../test/support/h2-frames.ts';
import { type H2Error, h2Errors } from './errors.ts';
import { SettingId } from './frame.ts';
import { PeerSettings } from './settings.ts';

function apply(
  settings: PeerSettings,
  pairs: readonly (readonly [number, number])[],
  fromServer = false,
): H2Error | null {
  const bytes = Buffer.concat([Buffer.from('!'), ...pairs.map(([id, value]) => setting(id, value))]);
  return settings.apply(bytes, 1, bytes.length, fromServer);
}

describe('settings', () => {
  test('are applied in their order, the last of one kind counts, unknown ones mean nothing (section 6.5.3)', () => {
    const settings = new PeerSettings();
    expect(
      apply(settings, [
        [SettingId.initialWindowSize, 1],
        [SettingId.maxFrameSize, 0xffffff],
        [0x0a0a, 0xffffffff],
        [SettingId.headerTableSize, 0],
        [SettingId.initialWindowSize, 0x7fffffff],
        [SettingId.maxConcurrentStreams, 0],
        [SettingId.maxHeaderListSize, 0xffffffff],
        [SettingId.enableConnectProtocol, 1],
        [SettingId.enablePush, 1],
        [SettingId.noRfc7540Priorities, 1],
      ]),
    ).toBe(null);
    expect(settings).toMatchObject({
      initialWindowSize: 0x7fffffff,
      maxFrameSize: 0xffffff,
      headerTableSize: 0,
      maxConcurrentStreams: 0,
      maxHeaderListSize: 0xffffffff,
      enableConnectProtocol: true,
    });
  });

  test.each<[string, H2Error, readonly (readonly [number, number])[], boolean]>([
    ['ENABLE_PUSH 2', h2Errors.badSetting, [[SettingId.enablePush, 2]], false],
    ['ENABLE_PUSH 1 of a server', h2Errors.badSetting, [[SettingId.enablePush, 1]], true],
    ['INITIAL_WINDOW_SIZE 2^31', h2Errors.badWindowSetting, [[SettingId.initialWindowSize, 2 ** 31]], false],
    ['MAX_FRAME_SIZE 16383', h2Errors.badSetting, [[SettingId.maxFrameSize, 16_383]], false],
    ['MAX_FRAME_SIZE 2^24', h2Errors.badSetting, [[SettingId.maxFrameSize, 2 ** 24]], false],
    ['ENABLE_CONNECT_PROTOCOL 2', h2Errors.badSetting, [[SettingId.enableConnectProtocol, 2]], true],
    [
      'ENABLE_CONNECT_PROTOCOL taken back',
      h2Errors.badSetting,
      [
        [SettingId.enableConnectProtocol, 1],
        [SettingId.enableConnectProtocol, 0],
      ],
      true,
    ],
    ['NO_RFC7540_PRIORITIES 2', h2Errors.badSetting, [[SettingId.noRfc7540Priorities, 2]], false],
  ])('are refused: %s', (_name, error, pairs, fromServer) => {
    expect(apply(new PeerSettings(), pairs, fromServer)).toBe(error);
  });

  test('of a server may say that it does not push', () => {
    expect(apply(new PeerSettings(), [[SettingId.enablePush, 0]], true)).toBe(null);
  });
});
