/** SETTINGS of the other side (RFC 9113 section 6.5): what it has said, or the defaults as long as it has not. */
import { type H2Error, h2Errors } from './errors.ts';
import {
  defaultMaxFrameSize,
  defaultWindowSize,
  largestMaxFrameSize,
  maxWindowSize,
  SettingId,
  settingBytes,
} from './frame.ts';

export class PeerSettings {
  headerTableSize = 4096;
  maxConcurrentStreams = Number.POSITIVE_INFINITY;
  initialWindowSize = defaultWindowSize;
  maxFrameSize = defaultMaxFrameSize;
  maxHeaderListSize = Number.POSITIVE_INFINITY;
  enableConnectProtocol = false;

  /** Takes the payload of a SETTINGS frame, in its order. Unknown settings are ignored. `fromServer`: who may not offer push. */
  apply(bytes: Buffer, start: number, end: number, fromServer: boolean): H2Error | null {
    for (let p = start; p < end; p += settingBytes) {
      const error = this.set(bytes.readUInt16BE(p), bytes.readUInt32BE(p + 2), fromServer);
      if (error !== null) return error;
    }
    return null;
  }

  private set(id: number, value: number, fromServer: boolean): H2Error | null {
    switch (id) {
      case SettingId.headerTableSize:
        this.headerTableSize = value;
        return null;
      case SettingId.enablePush:
        return value === 0 || (value === 1 && !fromServer) ? null : h2Errors.badSetting;
      case SettingId.maxConcurrentStreams:
        this.maxConcurrentStreams = value;
        return null;
      case SettingId.initialWindowSize:
        if (value > maxWindowSize) return h2Errors.badWindowSetting;
        this.initialWindowSize = value;
        return null;
      case SettingId.maxFrameSize:
        if (value < defaultMaxFrameSize || value > largestMaxFrameSize) return h2Errors.badSetting;
        this.maxFrameSize = value;
        return null;
      case SettingId.maxHeaderListSize:
        this.maxHeaderListSize = value;
        return null;
      case SettingId.enableConnectProtocol:
        // RFC 8441 section 3: it is not taken back.
        if (value > 1 || (value === 0 && this.enableConnectProtocol)) return h2Errors.badSetting;
        this.enableConnectProtocol = value === 1;
        return null;
      case SettingId.noRfc7540Priorities:
        return value > 1 ? h2Errors.badSetting : null;
      default:
        return null;
    }
  }
}
