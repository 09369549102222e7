module slipway/autoscaler

go 1.24.0
