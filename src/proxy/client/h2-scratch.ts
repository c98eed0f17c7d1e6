/** What the HTTP/2 connections of a listener use within one call. */
import { FieldList } from '../../http/h2/hpack/field-list.ts';
import type { ProtocolSettings } from '../../http/h2/protocol-handler.ts';
import { RequestFields } from '../../http/h2/request-fields.ts';
import { ResponseBlockWriter } from '../../http/h2/response-fields.ts';
import { TrailerFields } from '../../http/h2/trailer-fields.ts';

/** Of the lines of a usual response. */
const linesBytes = 2 * 1024;
export class H2Scratch {
  readonly fields: FieldList;
  readonly requestFields: RequestFields;
  readonly trailerFields = new TrailerFields();
  readonly blocks = new ResponseBlockWriter(linesBytes);

  constructor(settings: ProtocolSettings) {
    this.fields = new FieldList(settings.maxHeaderListBytes);
    this.requestFields = new RequestFields(settings.connectProtocol);
  }
}
