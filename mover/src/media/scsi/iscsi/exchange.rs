//! One command: it goes, data goes or comes, and the answer ends it.

use std::io::IoSlice;
use std::time::Duration;

use super::pdu::{self, DataOut, Direction, Message, NO_TAG};
use super::session::{Session, padding};
use crate::Result;
use crate::media::scsi::{Data, Outcome, Sense};

impl Session {
    pub(super) fn exchange(
        &mut self,
        lun: u64,
        block: &[u8],
        mut data: Data<'_>,
        timeout: Duration,
    ) -> Result<Outcome> {
        self.wire.begin(timeout, self.patience).map_err(|cause| self.lost(cause))?;
        self.asked = None;
        while (self.last_command.wrapping_sub(self.numbers.command) as i32) < 0 {
            // The target takes no command now; it says so when it does.
            if let Some(incoming) = self.receive_one()? {
                return Err(self.senseless(&incoming));
            }
        }
        self.next_tag();
        let numbers = self.numbers;
        self.send_command(lun, block, &data)?;
        let mut received = 0;
        loop {
            let incoming = self.receive()?;
            if incoming.tag != numbers.tag {
                return Err(self.senseless(&incoming));
            }
            match (incoming.message, &mut data) {
                (Message::Response { response, status, residual }, data) => {
                    let answer = self.read_answer(&incoming)?;
                    if response != 0 {
                        return Err(self.broken_rules("the target could not run the command"));
                    }
                    let sense = Sense::parse(pdu::sense_of(&answer));
                    return self.ended(data, received, status, residual, sense);
                }
                (Message::DataIn { offset, status }, data) => {
                    let length = incoming.data_length;
                    let Data::In(buffer) = data else { return Err(self.senseless(&incoming)) };
                    let place = buffer.get_mut(offset..offset.saturating_add(length));
                    let Some(place) = place.filter(|_| offset == received) else {
                        return Err(self.senseless(&incoming));
                    };
                    self.read_data(place)?;
                    received += length;
                    if let Some((status, residual)) = status {
                        return self.ended(data, received, status, residual, None);
                    }
                }
                (Message::ReadyToTransfer { transfer, offset, length }, Data::Out(bytes)) => {
                    let wanted = bytes.get(offset..offset.saturating_add(length));
                    let is_sound = length > 0 && incoming.data_length == 0;
                    let Some(wanted) = wanted.filter(|_| is_sound) else {
                        return Err(self.senseless(&incoming));
                    };
                    self.send_data(lun, transfer, offset, wanted)?;
                }
                _ => return Err(self.senseless(&incoming)),
            }
        }
    }

    fn ended(
        &self,
        data: &Data<'_>,
        received: usize,
        status: u8,
        residual: pdu::Residual,
        sense: Option<Sense>,
    ) -> Result<Outcome> {
        let missing = match residual {
            pdu::Residual::Under(count) => count as usize,
            _ => 0,
        };
        let transferred = match data {
            Data::None => 0,
            Data::Out(bytes) => bytes.len().saturating_sub(missing),
            Data::In(buffer) => {
                if status == 0 && received < buffer.len().saturating_sub(missing) {
                    return Err(self.broken_rules("the target sent less than it says"));
                }
                received
            }
        };
        Ok(Outcome { status, sense, transferred })
    }

    fn send_command(&mut self, lun: u64, block: &[u8], data: &Data<'_>) -> Result<()> {
        let (direction, length, bytes): (_, _, &[u8]) = match data {
            Data::None => (Direction::None, 0, &[]),
            Data::In(buffer) => (Direction::In, buffer.len(), &[]),
            Data::Out(bytes) => (Direction::Out, bytes.len(), bytes),
        };
        if u32::try_from(length).is_err() {
            return Err(self.broken_rules("a command can carry 4 GiB at most"));
        }
        let first = bytes.len().min(self.limits.first_burst);
        let immediate = if self.limits.immediate { first.min(self.limits.send) } else { 0 };
        let is_final = !self.limits.unsolicited || immediate == first;
        let numbers = self.numbers;
        let header = pdu::command(lun, block, direction, length, immediate, is_final, numbers);
        self.numbers.command = self.numbers.command.wrapping_add(1);
        self.send(&header, &bytes[..immediate])?;
        if !is_final {
            self.send_data(lun, NO_TAG, immediate, &bytes[immediate..first])?;
        }
        Ok(())
    }

    /// Sends the data of one transfer, in as many messages as the target wants, without a copy.
    fn send_data(&mut self, lun: u64, transfer: u32, offset: usize, bytes: &[u8]) -> Result<()> {
        let pieces = bytes.chunks(self.limits.send);
        let last = pieces.len() - 1;
        let headers = (0u32..).zip(pieces.clone()).map(|(number, piece)| {
            let piece = DataOut {
                lun,
                transfer,
                number,
                offset: offset + number as usize * self.limits.send,
                length: piece.len(),
                is_final: number as usize == last,
            };
            pdu::data_out(piece, self.numbers)
        });
        let headers = headers.collect::<Vec<_>>();
        let mut slices = Vec::with_capacity(headers.len() * 3);
        for (header, piece) in headers.iter().zip(pieces) {
            slices.extend([IoSlice::new(header), IoSlice::new(piece), padding(piece.len())]);
        }
        self.wire.write(&mut slices).map_err(|cause| self.lost(cause))
    }
}
