'use strict'

// Takes mail from loopback for everyone, and hands all of it to one host through Haraka's own
// outbound queue. Haraka has no next hop to configure other than a hook such as this.

exports.register = function () {
    this.next_hop = this.config.get('relay_to_sink.ini').main
}

exports.hook_connect = function (next, connection) {
    connection.relaying = true
    next()
}

exports.hook_rcpt = (next) => next(OK)

exports.hook_get_mx = function (next) {
    next(OK, { exchange: this.next_hop.exchange, port: Number(this.next_hop.port), priority: 0 })
}
